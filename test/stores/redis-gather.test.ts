import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createServer } from 'node:tls'
import { Redis } from 'ioredis'
import { redis } from 'koa-atomic-session/redis'
import { describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { chainOf, changed, changeOf, dataOf, visitor } from '../../src/testing/harness.ts'

const provided = inject('redis')
const url = 'url' in provided ? provided.url : 'redis://none'
const COUNT = 20

/** The socket's writes, one for each system call: those of one command, and those of several. */
function writesOf(client: Redis): string[] {
  const writes: string[] = []
  // biome-ignore lint/suspicious/noExplicitAny: what a stream's own class overrides
  const socket = (client as any).stream
  for (const way of ['_write', '_writev']) {
    const original = socket[way]
    socket[way] = (...words: unknown[]) => {
      writes.push(way)
      return original.apply(socket, words)
    }
  }
  return writes
}

async function ready(): Promise<Redis> {
  const client = new Redis(url, { lazyConnect: true })
  await client.connect()
  return client
}

/** What is asked at once leaves in one write, and each gets its own answer. */
async function assertGathered(client: Redis): Promise<void> {
  const store = redis(client, { prefix: 'gather:' })
  const sessions = await Promise.all(Array.from({ length: COUNT }, (_, n) => visitor(store, { n })))
  const writes = writesOf(client)
  const data = await Promise.all(sessions.map(({ access }) => dataOf(store, access)))
  expect(data).toEqual(Array.from({ length: COUNT }, (_, n) => ({ n })))
  expect(writes).toEqual(['_writev'])
}

describe.skipIf('missing' in provided)('what one turn asks of ioredis', () => {
  it('leaves in one write, and each gets its own answer', async () => {
    const client = await ready()
    await assertGathered(client)
    await client.quit()
  })

  it('takes the commands of the application along, in their order', async () => {
    const client = await ready()
    const store = redis(client, { prefix: 'gather:' })
    const { access } = await visitor(store, { n: 1 })
    const writes = writesOf(client)
    const [, , n] = await Promise.all([
      client.set('gather own', 1),
      store.update(access, changeOf(chainOf(commands.inc('n')))),
      client.incr('gather own'),
    ])
    expect(n).toBe(2)
    expect(await dataOf(store, access)).toEqual({ n: 2 })
    // The first was on its way before the store was asked.
    expect(writes.slice(0, 2)).toEqual(['_write', '_writev'])
    await client.quit()
  })

  it('is sent where the client quits in the same turn', async () => {
    const client = await ready()
    const store = redis(client, { prefix: 'gather:' })
    const { access } = await visitor(store, { n: 1 })
    const change = store.update(access, changeOf(chainOf(commands.inc('n'))))
    await Promise.all([change, client.quit()])
    expect(changed(await change).data).toEqual({ n: 2 })
  })

  it('is sent again, or fails, where the connection breaks in the same turn; and what comes after works', async () => {
    const client = await ready()
    client.on('error', () => {})
    const store = redis(client, { prefix: 'gather:' })
    const { access } = await visitor(store, { n: 1 })
    for (let i = 0; i < 5; i++) {
      const asked = Array.from({ length: COUNT }, () => dataOf(store, access))
      // biome-ignore lint/suspicious/noExplicitAny: the socket, which the types leave out
      ;(client as any).stream.destroy()
      await Promise.allSettled(asked)
      expect(await dataOf(store, access)).toEqual({ n: 1 })
    }
    await client.quit()
  })

  it('leaves in one write over TLS', async () => {
    const psk = Buffer.from('0123456789abcdef')
    const server = createServer({ ciphers: 'PSK', pskCallback: () => psk, maxVersion: 'TLSv1.2' }, (socket) => {
      const { hostname, port } = new URL(url)
      const redis: Socket = connect(Number(port), hostname)
      redis.on('error', () => {})
      socket.on('error', () => {})
      socket.pipe(redis).pipe(socket)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const pskCallback = () => ({ psk, identity: 'test' })
    const tls = { ciphers: 'PSK', pskCallback, maxVersion: 'TLSv1.2' as const, checkServerIdentity: () => undefined }
    const client = new Redis({ port, host: '127.0.0.1', tls, lazyConnect: true })
    await client.connect()
    await assertGathered(client)
    await client.quit()
    server.close()
  })
})
