import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { STORES, serverOf } from '../stores/clients.ts'
import { Visitor } from '../visitor.ts'
import { Process } from './process.ts'

const folder = mkdtempSync(join(tmpdir(), 'races-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const cluster = inject('redisCluster')
const servers = {
  ...Object.fromEntries(STORES.map((name) => [name, serverOf(name)])),
  'redis cluster': 'url' in cluster ? { ...cluster, url: cluster.url.replace('redis:', 'redis-cluster:') } : cluster,
}
const stores: { name: string; url: string | undefined; counts: number[] }[] = [
  { name: 'memory', url: 'memory:', counts: [1] },
  { name: 'sqlite', url: join(folder, 'races.db'), counts: [1, 2] },
  ...Object.entries(servers).map(([name, server]) => ({
    name,
    url: 'url' in server ? server.url : undefined,
    counts: [1, 2],
  })),
]

/** The machine may be busy, and nothing here is about deadlines. */
const start = (url: string) => new Process(url, { TIMEOUT: '120000' }).ready()

for (const { name, url, counts } of stores) {
  for (const count of counts) {
    describe.skipIf(url === undefined)(`${name}, ${count} process${count > 1 ? 'es' : ''}`, () => {
      let processes: Process[] = []
      const agent = new Agent({ keepAlive: true, maxSockets: 50 })
      beforeAll(async () => {
        processes = await Promise.all(Array.from({ length: count }, () => start(url!)))
      })
      afterAll(async () => {
        agent.destroy()
        await Promise.all(processes.map((process) => process.stop()))
      })
      const process = (i: number) => processes[i % count]!
      const first = () => new Visitor(process(0).base)

      const send = (base: string, path: string, cookie: string) =>
        new Promise<{ status: number; body: string }>((resolve, reject) => {
          const sent = request(base + path, { method: 'POST', agent, headers: { cookie } }, (response) => {
            let body = ''
            response.on('data', (chunk) => {
              body += chunk
            })
            response.once('end', () => resolve({ status: response.statusCode!, body }))
          })
          sent.once('error', reject)
          sent.end()
        })
      const post = async (base: string, path: string, cookie: string) => (await send(base, path, cookie)).status
      /** SQLite gives up after a while: what it has surely not applied is asked for again. */
      async function insist(base: string, path: string, cookie: string): Promise<number> {
        const { status, body } = await send(base, path, cookie)
        return status === 503 && JSON.parse(body).applied === false ? insist(base, path, cookie) : status
      }

      it('200 concurrent changes of one session over 50 connections leave 200', async () => {
        const visitor = first()
        await visitor.fetch('/login', { method: 'POST' })
        const statuses = await Promise.all(
          Array.from({ length: 200 }, (_, i) => insist(process(i).base, `/work?i=${i}`, visitor.header)),
        )
        expect(new Set(statuses)).toEqual(new Set([200]))
        const { n, list } = await visitor.json('/')
        expect(n).toBe(200)
        expect([...list].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i))
      })

      it('ID-8 CVE-2025-46336: 20 of 20 times a log-out during a slow request stays a log-out', async () => {
        for (let i = 0; i < 20; i++) {
          const visitor = first()
          await visitor.fetch('/login', { method: 'POST' })
          const cookie = visitor.header
          const slow = post(process(0).base, '/slow', cookie)
          await process(0).line()
          expect(await post(process(1).base, '/logout', cookie)).toBe(200)
          await post(process(0).base, '/go', cookie)
          expect(await slow).toBe(409)
          const later = new Visitor(process(1).base)
          expect(await later.json('/', { headers: { cookie } })).toEqual({})
        }
      })

      it('20 of 20 times a role that is dropped during a slow request stays dropped', async () => {
        for (let i = 0; i < 20; i++) {
          const visitor = first()
          await visitor.fetch('/login', { method: 'POST' })
          const slow = post(process(0).base, '/slow', visitor.header)
          await process(0).line()
          expect(await post(process(1).base, '/demote', visitor.header)).toBe(200)
          await post(process(0).base, '/go', visitor.header)
          expect(await slow).toBe(200)
          expect(await visitor.json('/')).toEqual({ user: 1, last: 'slow' })
        }
      })
    })
  }
}

for (const { name, url, counts } of stores) {
  // Memory is seen by one process only.
  const count = counts.includes(2) ? 4 : 1
  describe.skipIf(url === undefined)(`${name}, ${count} process${count > 1 ? 'es' : ''}`, () => {
    it('10,000 changes of one counter leave 10,000', async () => {
      const processes = await Promise.all(Array.from({ length: count }, () => start(url!)))
      const visitor = new Visitor(processes[0]!.base)
      await visitor.fetch('/login', { method: 'POST' })
      const work = Array.from({ length: 20 }, (_, i) =>
        fetch(`${processes[i % count]!.base}/inc?times=500`, { method: 'POST', headers: { cookie: visitor.header } }),
      )
      const answers = await Promise.all(work)
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
      let unknown = 0
      for (const answer of answers) unknown += ((await answer.json()) as { unknown: number }).unknown
      const { n } = await visitor.json('/')
      // Exactly, unless this machine is so busy that a store did not answer for minutes.
      expect(n).toBeGreaterThanOrEqual(10_000 - unknown)
      expect(n).toBeLessThanOrEqual(10_000)
      expect(unknown).toBeLessThan(20)
      await Promise.all(processes.map((process) => process.stop()))
    })
  })
}
