import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from 'koa-atomic-session/sqlite'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import type { StoredSession } from '../../src/contract/record.ts'
import type { IndexedStore, Notice, Notices, TellingStore } from '../../src/contract/store.ts'
import { type Looking, SqliteNotices } from '../../src/stores/sqlite/notices.ts'
import { chainOf, changeOf, hashOf, MINUTE, visitor } from '../../src/testing/harness.ts'

const PAUSE = 250
const folder = mkdtempSync(join(tmpdir(), 'notices-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'], now: 1_800_000_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('what SQLite tells of sessions', () => {
  let files = 0
  let heard: Notice[]
  let here: IndexedStore & TellingStore
  let elsewhere: IndexedStore
  let notices: Notices
  beforeEach(async () => {
    heard = []
    const file = join(folder, `${++files}.db`)
    here = sqlite(file).indexed(['user_id']) as typeof here
    elsewhere = sqlite(file).indexed(['user_id'])
    await elsewhere.setup()
    notices = here.notices((notice) => heard.push(notice))!
  })
  afterEach(() => notices.close())
  /** Looks at the file once, which then has been read before. */
  const look = async () => {
    vi.advanceTimersByTime(PAUSE)
    await here.load({ id: 'nobody', proof: { hash: hashOf('nobody') }, maxLifetime: Number.POSITIVE_INFINITY })
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  it('tells of all that destroyAll() of this process has removed before that resolves, not with the next look', async () => {
    const [mine, theirs] = [await visitor(here, { user_id: 1 }), await visitor(here, { user_id: 2 })]
    await notices.follow(mine.id)
    await notices.follow(theirs.id)
    expect(await here.destroyAll('user_id', 1, undefined)).toBe(1)
    expect(heard).toEqual([{ id: mine.id, created: mine.record.created, what: 'gone' }])
  })

  it('tells nothing of a session that nobody follows, nor of a later one under the id of one that is gone', async () => {
    const [one, other] = [await visitor(here, { n: 0 }), await visitor(here, { n: 0 })]
    const inc = () => changeOf(chainOf(commands.inc('n')))
    for (let i = 0; i < 2; i++) await here.update(other.access, inc())
    await notices.follow(one.id)
    for (let i = 0; i < 2; i++) await here.update(other.access, inc())
    expect(heard).toEqual([])
    await here.destroy(one.access)
    expect(heard.map(({ what }) => what)).toEqual(['gone'])
    const later = await visitor(here, { n: 0 }, { id: one.id })
    for (let i = 0; i < 2; i++) await here.update(later.access, inc())
    expect(heard).toHaveLength(1)
  })

  it('tells nothing of a change that is refused, and of a log-out that ends nothing', async () => {
    const one = await visitor(here, { n: 0, text: 'x' })
    await notices.follow(one.id)
    const refused = changeOf(chainOf([commands.inc('n'), commands.inc('text')]))
    expect((await here.update(one.access, refused)).outcome).toBe('refused')
    expect(await here.destroy({ ...one.access, proof: { hash: hashOf('another') } })).toBe(false)
    expect(heard).toEqual([])
  })

  it('tells nothing more of what is not followed any more, nor to who has closed', async () => {
    const [one, other] = [await visitor(here, { n: 0 }), await visitor(here, { n: 0 })]
    const inc = (visitor: typeof one) => here.update(visitor.access, changeOf(chainOf(commands.inc('n'))))
    for (const { id } of [one, other]) await notices.follow(id)
    notices.unfollow(one.id)
    await inc(one)
    await inc(other)
    expect(heard.map(({ id }) => id)).toEqual([other.id])
    notices.close()
    await inc(other)
    expect(heard).toHaveLength(1)
  })

  it('tells the end of one that another process has removed and begun again under its id', async () => {
    const one = await visitor(here, { n: 0 })
    await notices.follow(one.id)
    await look()
    expect(heard).toEqual([])
    await elsewhere.destroy(one.access)
    vi.setSystemTime(Date.now() + 1000)
    await visitor(elsewhere, { n: 0 }, { id: one.id })
    await look()
    expect(heard).toEqual([{ id: one.id, created: one.record.created, what: 'gone' }])
  })

  it('tells the end of one that has expired when another process writes', async () => {
    const one = await visitor(here, { n: 0 })
    await notices.follow(one.id)
    await look()
    expect(heard).toEqual([])
    vi.setSystemTime(Date.now() + 11 * MINUTE)
    await visitor(elsewhere, { n: 0 })
    await look()
    expect(heard.map(({ what }) => what)).toEqual(['gone'])
  })
})

describe('looking at a file of SQLite', () => {
  /** A file whose version the test sets, and what was asked of it. */
  function file() {
    const heard: Notice[] = []
    const asked = { opened: 0, seen: [] as number[] }
    const state = { version: 1, open: async () => {} }
    const looking: Looking = {
      version: () => state.version,
      seen(ids) {
        asked.seen.push(ids.length)
        return new Map(ids.map((id) => [id, { created: 1, version: 1, epoch: '' }]))
      },
    }
    const notices = new SqliteNotices(
      (notice) => heard.push(notice),
      async () => {
        asked.opened++
        await state.open()
        return looking
      },
    )
    return { asked, heard, state, notices }
  }

  it('asks for the sessions only when another process has written, and for nothing once nobody follows', async () => {
    const { asked, state, notices } = file()
    await notices.follow('a')
    const polled = async () => {
      await vi.advanceTimersByTimeAsync(PAUSE)
      return asked.seen.length
    }
    expect([await polled(), await polled(), await polled()]).toEqual([2, 2, 2])
    state.version = 2
    expect([await polled(), await polled()]).toEqual([3, 3])
    await notices.follow('b')
    notices.unfollow('a')
    state.version = 3
    expect(await polled()).toBe(5)
    const { opened } = asked
    notices.unfollow('b')
    await polled()
    expect(asked.opened).toBe(opened)
    await notices.follow('c')
    notices.close()
    await polled()
    expect(asked.opened).toBe(opened + 1)
  })

  it('tells of a change also while one of several who follow is only beginning to', async () => {
    const { heard, state, notices } = file()
    await notices.follow('a')
    state.open = () => new Promise<void>(() => {})
    void notices.follow('a')
    notices.made('a', { created: 1, version: 2, epoch: '' } as StoredSession)
    expect(heard).toEqual([{ id: 'a', created: 1, what: 2 }])
    notices.close()
  })

  it('looks at all of them again after a look that has failed', async () => {
    const { asked, state, notices } = file()
    await notices.follow('a')
    await vi.advanceTimersByTimeAsync(PAUSE)
    state.open = () => Promise.reject(new Error('the disk is full'))
    await vi.advanceTimersByTimeAsync(PAUSE)
    expect(asked.seen).toHaveLength(2)
    state.open = async () => {}
    await vi.advanceTimersByTimeAsync(PAUSE)
    expect(asked.seen).toHaveLength(3)
    notices.close()
  })

  it('waits for a look that takes longer, and asks for 500 sessions at a time', async () => {
    const { asked, state, notices } = file()
    for (let i = 0; i < 501; i++) await notices.follow(`${i}`)
    asked.seen.length = asked.opened = 0
    let open = () => {}
    state.open = () => new Promise<void>((resolve) => (open = resolve))
    await vi.advanceTimersByTimeAsync(3 * PAUSE)
    expect(asked.opened).toBe(1)
    open()
    await vi.advanceTimersByTimeAsync(0)
    expect(asked.seen).toEqual([500, 1])
    notices.unfollow('0')
    asked.seen.length = 0
    state.open = async () => {}
    state.version = 2
    await vi.advanceTimersByTimeAsync(PAUSE)
    expect(asked.seen).toEqual([500])
    notices.close()
  })
})
