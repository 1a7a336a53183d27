import { describe, expect, it } from 'vitest'
import { SessionUsageError, StoreError } from '../../src/errors/index.ts'
import { patiently } from '../../src/stores/sqlite/lock.ts'

/** Fails with this as often, then gives. */
function failing(error: Error, times: number) {
  let calls = 0
  const work = () => {
    if (++calls <= times) throw error
    return 'given'
  }
  return { work, calls: () => calls }
}

describe('work that meets a lock of SQLite', () => {
  it.each([
    'database is locked',
    'database table is locked',
    'database sessions is locked',
    'SQLITE_BUSY: snapshot',
    'cannot start a transaction within a transaction',
  ])('is tried again: %s', async (message) => {
    const { work, calls } = failing(new Error(message), 2)
    expect(await patiently('sqlite', 60_000, work)).toBe('given')
    expect(calls()).toBe(3)
  })

  it.each<[string, Error]>([
    ['another failure', new Error('no such table: sessions')],
    ['a failure of the store', new StoreError('sqlite', 'failed', false)],
    ['a wrong use', new SessionUsageError('a wrong use')],
    ['what only sounds like it', new Error('the database of keys is locked away')],
  ])('is not tried again after %s', async (_, error) => {
    const { work, calls } = failing(error, 1)
    await expect(patiently('sqlite', 60_000, work)).rejects.toThrow(error.message)
    expect(calls()).toBe(1)
  })

  it('says what has failed: the call, without what it may quote, or the set-up, with all of it', async () => {
    const error = () => new SyntaxError('a very private row')
    const told = (failed?: string) =>
      patiently('sqlite', 0, failing(error(), 1).work, failed).catch((one) => one.message)
    expect(await told()).toMatch(/^The sqlite store failed/)
    expect(await told('could not be set up')).toMatch(/^The sqlite store could not be set up/)
    expect(await told()).not.toContain('very private')
    expect(await told('could not be set up')).toContain('very private')
  })
})
