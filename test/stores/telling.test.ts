import { EventEmitter, once } from 'node:events'
import { PGlite } from '@electric-sql/pglite'
import { Redis } from 'ioredis'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { memory } from 'koa-atomic-session/memory'
import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import type { TellingStore } from '../../src/contract/store.ts'
import { CREATED_AT, EPOCH_AT, FIXED_AT, VERSION_AT } from '../../src/stores/redis/stored.ts'
import { chainOf, changeOf, hashOf, visitor } from '../../src/testing/harness.ts'
import { KEY } from '../visitor.ts'

describe('what a store is given to listen with', () => {
  it('is a second client of Redis, and anything else is refused before any I/O', () => {
    const client = new Redis({ lazyConnect: true })
    for (const subscriber of [client, {}, 'redis://localhost', new EventEmitter()]) {
      expect(() => redis(client, { subscriber: subscriber as never })).toThrow(/must be a second client/)
    }
  })

  it('is a client of PostgreSQL and not a pool, and anything else is refused before any I/O', () => {
    const pool = new pg.Pool()
    for (const listener of [pool, {}, new EventEmitter(), null]) {
      expect(() => postgres(pool, { listener: listener as never })).toThrow(/not a Pool/)
    }
    expect(() => postgres(pool, { tellChanges: true })).toThrow(/needs a listener/)
  })

  it('reads what Redis keeps of a session at the places that it has', () => {
    expect([VERSION_AT, CREATED_AT, FIXED_AT, EPOCH_AT]).toEqual(['2', '4', '13', '3'])
  })
})

describe('PostgreSQL without tellChanges', () => {
  it('tells of rotations and ends alone', async () => {
    const database = new PGlite()
    const heard: string[] = []
    const store = postgres(database, { listener: database })
    await store.setup()
    const listen = database.listen.bind(database)
    database.listen = (channel: string, hear: (payload: string) => void) =>
      listen(channel, (payload) => {
        heard.push(payload)
        hear(payload)
      })
    const { id, access } = await visitor(store, { n: 0 })
    await (store as unknown as TellingStore).notices(() => {})!.follow(id)
    await store.update(access, changeOf(chainOf(commands.inc('n'))))
    const rotation = { to: hashOf('next'), grace: 0, epoch: 'e' }
    await store.update(access, changeOf(chainOf(commands.inc('n')), { rotation }))
    await store.destroy({ ...access, proof: { hash: rotation.to } })
    await expect.poll(() => heard.map((payload) => payload.split(' ')[2])).toEqual(['rotated', 'gone'])
    // No id and no data.
    for (const payload of heard) expect(payload).toMatch(/^[A-Za-z\d+/]{43}= \d+ (rotated|gone)$/)
    await database.close()
  })
})

describe('destroyAll() of a process itself', () => {
  it('is heard at once, though the store tells nothing: the sessions that hold the value are asked for', async () => {
    const store = Object.assign(memory(), { notices: undefined })
    const sessions = fetchSessions<{ user_id: number }>({ keys: [KEY], store, index: ['user_id'], recheck: '1 hour' })
    const logIn = async (user_id: number) => {
      const response = await sessions.fetch(new Request('http://localhost/'), async (session) => {
        await session.set('user_id', user_id)
        return new Response()
      })
      const cookie = response.headers.getSetCookie()[0]!.split(';')[0]!
      const handle = sessions.upgrade(new Request('http://localhost/', { headers: { cookie } }))
      await handle
      return handle.ended
    }
    const [mine, theirs] = [await logIn(1), await logIn(2)]
    const ended = once(mine, 'abort')
    expect(await sessions.destroyAll('user_id', 1)).toBe(1)
    await ended
    expect(mine.reason).toMatchObject({ code: 'ERR_SESSION_GONE' })
    expect(theirs.aborted).toBe(false)
    await sessions.close()
  })
})
