import { Redis } from 'ioredis'
import { redis } from 'koa-atomic-session/redis'
import { createClient } from 'redis'
import { describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { ReliableStore } from '../../src/delivery/reliable.ts'
import { chainOf, changeOf, dataOf, visitor } from '../../src/testing/harness.ts'
import { untilItWorks } from '../servers/child.ts'
import { TcpProxy } from '../servers/proxy.ts'
import { History } from './checkers.ts'

const server = inject('redis')
const url = 'url' in server ? server.url : ''

/** The settings of docs/stores/redis.md. */
function nodeRedis(through: string) {
  const client = createClient({
    url: through,
    disableOfflineQueue: true,
    pingInterval: 500,
    socket: { socketTimeout: 1000, reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 2000) },
  })
  client.on('error', () => {})
  return client
}

describe.skipIf('missing' in server)('redis behind a connection that swallows everything', () => {
  const clients = {
    async 'node-redis, as the documents advise'(through: string) {
      const client = nodeRedis(through)
      await client.connect()
      return { store: redis(client, { prefix: 'blackhole:' }), close: () => client.destroy() }
    },
    async 'ioredis with its socketTimeout'(through: string) {
      const client = new Redis(through, { socketTimeout: 1000 })
      client.on('error', () => {})
      return { store: redis(client, { prefix: 'blackhole:' }), close: () => client.disconnect() }
    },
  }
  for (const [name, open] of Object.entries(clients)) {
    it(`${name}: gives it up by itself, though requests go on asking`, async () => {
      const proxy = await TcpProxy.before(url)
      const { store, close } = await open(proxy.through(url))
      const reliable = new ReliableStore(store, 400)
      const { access } = await visitor(store, { n: 0, list: [] })
      const history = new History()
      let next = 0
      async function push() {
        const i = next++
        const chain = chainOf([commands.inc('n'), commands.push('list', [i])])
        await history.note(i, () => reliable.update(access, changeOf(chain)))
      }
      proxy.request = () => 'vanish'
      for (let i = 0; i < 20; i++) await push()
      expect(history.applied).toEqual([])
      let over = false
      const load = (async () => {
        while (!over) {
          await reliable.load(access).catch(() => {})
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })()
      proxy.request = () => 'pass'
      await untilItWorks(async () => {
        await push()
        expect(history.applied).not.toEqual([])
      })
      over = true
      await load
      const data = await dataOf(store, access)
      history.check(data.list as number[], data.n as number)
      close()
      await proxy.close()
    })
  }

  it('node-redis, as the documents advise: a connection that rests is kept', async () => {
    const client = nodeRedis(url)
    let lost = 0
    client.on('reconnecting', () => lost++)
    await client.connect()
    let pings = 0
    // Eight of them take four time-outs.
    await new Promise<void>((resolve) => client.on('ping-interval', () => ++pings === 8 && resolve()))
    // A stall of the machine may cost one.
    expect(lost).toBeLessThanOrEqual(2)
    client.destroy()
  })
})
