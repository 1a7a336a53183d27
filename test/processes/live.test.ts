import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { availableParallelism, loadavg } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { serverOf } from '../stores/clients.ts'
import { Visitor } from '../visitor.ts'
import { Process } from './process.ts'

const PROCESSES = 4
const SOCKETS = 1000
/** What is promised of a machine that does nothing else; a busy one says only that it is no matter of rechecks. */
const BOUND = process.env.CI || loadavg()[0]! > availableParallelism() ? 20_000 : 1000

let running: Process[] = []
const sockets: WebSocket[] = []
afterEach(async () => {
  for (const one of sockets.splice(0)) one.terminate()
  await Promise.all(running.splice(0).map((one) => one.stop()))
})

async function start(kind: 'redis' | 'postgres', url: string): Promise<Process[]> {
  const env = { KIND: kind, URL: url, NAME: `live_${randomUUID().slice(0, 8)}` }
  const first = await new Process('', env, 'live.mjs').ready()
  const others = Array.from({ length: PROCESSES - 1 }, () => new Process('', env, 'live.mjs').ready())
  running = [first, ...(await Promise.all(others))]
  return running
}

async function open({ base }: Process, { header }: Visitor): Promise<WebSocket> {
  const one = new WebSocket(base.replace('http', 'ws'), { headers: { cookie: header } })
  sockets.push(one)
  await once(one, 'message')
  return one
}

const reasons = async (all: WebSocket[]) =>
  new Set(await Promise.all(all.map(async (one) => String((await once(one, 'close'))[1]))))

for (const kind of ['redis', 'postgres'] as const) {
  const server = serverOf(kind)
  const url = 'url' in server ? server.url : ''
  describe.skipIf('missing' in server)(`${kind}, by ${PROCESSES} processes`, () => {
    it(`log out everywhere closes ${SOCKETS} open sockets within a second, without a recheck`, async () => {
      const processes = await start(kind, url)
      // Twenty devices of one user, each with sockets to every process.
      const devices = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          const device = new Visitor(processes[i % PROCESSES]!.base)
          await device.fetch('/login')
          return device
        }),
      )
      for (let i = 0; i < SOCKETS; i += 100) {
        const some = Array.from({ length: 100 }, (_, k) => i + k)
        await Promise.all(some.map((k) => open(processes[k % PROCESSES]!, devices[Math.floor(k / PROCESSES) % 20]!)))
      }
      const closed = reasons(sockets)
      const began = performance.now()
      const [codes] = await Promise.all([closed, devices[0]!.fetch('/everywhere')])
      const took = performance.now() - began
      expect(codes).toEqual(new Set(['ERR_SESSION_GONE']))
      console.info(`${kind}: ${SOCKETS} sockets of ${PROCESSES} processes closed within ${Math.round(took)} ms`)
      expect(took).toBeLessThan(BOUND)
    }, 120_000)

    it('a log-in by one process closes the sockets of the others that had the secret before', async () => {
      const processes = await start(kind, url)
      const [device, other] = [new Visitor(processes[0]!.base), new Visitor(processes[0]!.base)]
      for (const one of [device, other]) await one.fetch('/login')
      const former = await Promise.all(processes.map((one) => open(one, device)))
      const beside = await open(processes[1]!, other)
      const closed = reasons(former)
      await device.fetch('/rotate')
      expect(await closed).toEqual(new Set(['ERR_SESSION_ROTATED']))
      // The new secret opens sockets that stay, and so do those of others.
      const later = await open(processes[2]!, device)
      for (const one of [later, beside]) {
        one.ping()
        await once(one, 'pong')
        expect(one.readyState).toBe(WebSocket.OPEN)
      }
    }, 60_000)
  })
}
