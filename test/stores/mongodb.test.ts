import { atomicSession } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { mongodb } from 'koa-atomic-session/mongodb'
import { Binary, Decimal128, type Document, Double, Long, MongoClient, MongoWriteConcernError, ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { commands, condition } from '../../src/algebra/index.ts'
import { ReliableStore } from '../../src/delivery/reliable.ts'
import { chainOf, changed, changeOf, dataOf, MINUTE, visitor } from '../../src/testing/harness.ts'
import { database } from '../servers/database.ts'
import { TestApp } from '../visitor.ts'

const server = inject('mongodb')

describe.skipIf('missing' in server)('MongoDB', () => {
  const client = new MongoClient('url' in server ? server.url : 'mongodb://none', { monitorCommands: true })
  const sent: string[] = []
  client.on('commandStarted', ({ commandName }) => sent.push(commandName))
  const collection = client.db(database('stores')).collection<Document>('sessions')
  const store = mongodb(collection)
  // The first use reads the server's clock.
  beforeAll(async () => void (await visitor(store)))
  afterAll(() => client.close())

  it('gets no command, one, one or two for a request, as the README says', async () => {
    const app = new TestApp()
    const sessions = atomicSession(app.koa)
    sessions.store = store
    app.koa.use(async (ctx) => {
      if (ctx.path === '/inc') await ctx.session().inc('n')
      if (ctx.path === '/forgotten') ctx.session().inc('n')
      if (ctx.path === '/read') await ctx.session()
      if (ctx.path === '/both') await (await ctx.session()).inc('n')
      ctx.body = 'fine'
    })
    await app.listen()
    const person = app.visitor()
    const commandsOf = async (path: string) => {
      sent.length = 0
      await person.fetch(path)
      return [...sent]
    }
    expect(await commandsOf('/none')).toEqual([])
    expect(await commandsOf('/read')).toEqual([])
    expect(await commandsOf('/inc')).toEqual(['insert'])
    expect(await commandsOf('/none')).toEqual([])
    expect(await commandsOf('/inc')).toEqual(['findAndModify'])
    expect(await commandsOf('/forgotten')).toEqual(['findAndModify'])
    expect(await commandsOf('/read')).toEqual(['find'])
    expect(await commandsOf('/both')).toEqual(['find', 'update'])
    await app.close()
  })

  it('changes a session without an idle time of its own by one command, whatever the chain', async () => {
    const { access, record } = await visitor(store, { n: 1, list: [1, 2], nested: { a: [{ q: 1 }] } })
    const { inc, push, set, pull, addToSet, rename, currentDate, take } = commands
    const chains = [
      chainOf([inc('n'), push('list', [3], -5), set('nested.a.0.q', 2)]),
      chainOf([pull('list', 2), addToSet('nested.a', ['x'])]),
      chainOf([rename('n', 'm'), currentDate('at')]),
      chainOf(take('m'), condition('nested.b', undefined)),
    ]
    for (const chain of chains) {
      sent.length = 0
      changed(await store.update(access, changeOf(chain)))
      expect(sent).toEqual(['findAndModify'])
    }
    const loaded = await store.load(access)
    const held = loaded.outcome === 'live' ? loaded.record : record
    sent.length = 0
    const chain = chainOf([addToSet('list', [{ b: 1, a: 2 }]), inc('c')])
    expect((await store.update(access, changeOf(chain, { held }))).outcome).toBe('held')
    expect(sent).toEqual(['update'])
  })

  it('changes a session with a longer idle time of its own by one command, and by a second one where it slides', async () => {
    const { access } = await visitor(store, {}, { maxAge: 60 * MINUTE })
    const inc = chainOf(commands.inc('n'))
    const commandsOf = async (atLeast: number, answer: boolean) => {
      sent.length = 0
      await store.update(access, changeOf(inc, { answer, slide: { idle: 10 * MINUTE, atLeast } }))
      return [...sent]
    }
    for (const answer of [true, false]) {
      expect(await commandsOf(MINUTE, answer)).toEqual(['findAndModify'])
      expect(await commandsOf(0, answer)).toEqual(['findAndModify', 'update'])
    }
  })

  it('loses none of many changes that its operators cannot say', async () => {
    const { access } = await visitor(store)
    const chains = Array.from({ length: 60 }, (_, i) => chainOf(commands.addToSet('set', [{ i, again: i % 2 }])))
    await Promise.all(chains.map((chain) => store.update(access, changeOf(chain))))
    expect(((await dataOf(store, access)) as { set: unknown[] }).set).toHaveLength(60)
  })

  it('keeps an ObjectId and a Binary, compares them, and finds by them', async () => {
    const indexed = mongodb(client.db(database('stores')).collection<Document>('bson')).indexed(['user_id'])
    const user = new ObjectId()
    const { access } = await visitor(indexed, { user_id: user as never })
    const chain = chainOf(
      [commands.addToSet('list', [user, new Binary(Buffer.from('x'))]), commands.inc('n')],
      condition('user_id', new ObjectId(user.toHexString())),
    )
    expect(changed(await indexed.update(access, changeOf(chain))).data).toMatchObject({ user_id: user, n: 1 })
    const again = changeOf(chainOf(commands.addToSet('list', [new ObjectId(user.toHexString())])))
    expect((changed(await indexed.update(access, again)).data as { list: unknown[] }).list).toHaveLength(2)
    expect(await indexed.find('user_id', new ObjectId(user.toHexString()), Number.POSITIVE_INFINITY)).toHaveLength(1)
  })

  it.each([
    ['Long', Long.fromNumber(1)],
    ['Double', new Double(1)],
    ['Decimal128', Decimal128.fromString('1')],
  ])('refuses a %s before any I/O, because it would come back as something else', (name, value) => {
    expect(() => commands.set('n', value)).toThrow()
    expect(name).toBeTruthy()
  })

  it('reads the clock of the server, not of this process', async () => {
    const now = Date.now
    Date.now = () => now() + 3_600_000
    try {
      const skewed = mongodb(collection)
      const { record } = await visitor(skewed, {}, { idle: 60_000 })
      expect(Math.abs(record.created - now())).toBeLessThan(10_000)
      const loaded = await skewed.load({
        id: record.id,
        proof: { created: record.created },
        maxLifetime: Number.POSITIVE_INFINITY,
      })
      expect(loaded.outcome).toBe('live')
    } finally {
      Date.now = now
    }
  })

  it('answers a condition that stands alone, and a touch that has nothing to move', async () => {
    const { access, record } = await visitor(store, { n: 1 })
    const later = { ...record, expires: record.expires + 60 * MINUTE }
    for (const held of [undefined, record, later]) {
      const alone = (n: number) => store.update(access, changeOf(chainOf([], condition('n', n)), { held }))
      expect(['changed', 'held']).toContain((await alone(1)).outcome)
      expect((await alone(2)).outcome).toBe('refused')
      expect(['changed', 'held']).toContain((await store.update(access, changeOf(chainOf([]), { held }))).outcome)
    }
  })

  it('says of a write that could not be made durable that nobody knows, and does not send it again', async () => {
    const { access } = await visitor(store, { n: 0 })
    let sent = 0
    const unsure = new Proxy(collection, {
      get: (target, key) => {
        const member = Reflect.get(target, key)
        if (key !== 'findOneAndUpdate') return typeof member === 'function' ? member.bind(target) : member
        return async (...values: Parameters<typeof target.findOneAndUpdate>) => {
          sent++
          await target.findOneAndUpdate(...values)
          throw new MongoWriteConcernError({ ok: 1, writeConcernError: { code: 64, errmsg: 'waiting timed out' } })
        }
      },
    })
    const reliable = new ReliableStore(mongodb(unsure), 2000)
    const change = changeOf(chainOf(commands.inc('n')))
    await expect(reliable.update(access, change)).rejects.toMatchObject({ applied: 'unknown' })
    expect(sent).toBe(1)
    expect(await dataOf(store, access)).toEqual({ n: 1 })
  })

  it('names the version of the driver that it needs', () => {
    const old = new Proxy(collection, { get: (target, key) => (key === 'db' ? undefined : Reflect.get(target, key)) })
    expect(() => mongodb(old)).toThrow(/6\.20/)
  })

  it.skipIf(!('real' in server) || !server.real)(
    'removes what has expired by its TTL index (a real mongod only)',
    async () => {
      const ttl = client.db(database('stores')).collection<Document>('ttl')
      const expiring = mongodb(ttl)
      await expiring.setup()
      await visitor(expiring, {}, { idle: 1 })
      await expect.poll(() => ttl.countDocuments(), { timeout: 100_000, interval: 1000 }).toBe(0)
    },
    110_000,
  )
})

describe('BSON values elsewhere', () => {
  it('are refused by name before any I/O', async () => {
    const app = new TestApp()
    atomicSession(app.koa, { store: memory() })
    app.koa.use((ctx) => ctx.session().push('users', { id: new ObjectId() }) as unknown as Promise<void>)
    await app.listen()
    expect((await app.visitor().fetch('/')).status).toBe(400)
    expect(app.errors[0]?.message).toContain('the memory store keeps no ObjectId')
    await app.close()
  })
})
