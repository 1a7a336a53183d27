import { SessionUsageError, StoreError } from '../../errors/index.ts'
import type { SqliteStatement } from './client.ts'

/**
 * SQLite's own waiting stops the whole process and is unfair: its pauses grow, so whoever has waited longest asks least
 * often. So SQLite waits for a moment only, and the rest is done here.
 */
export const PATIENCE = 10

/**
 * Runs synchronously between BEGIN IMMEDIATE and COMMIT, so nothing of this process comes between, and nothing of another
 * one either: an immediate transaction holds the write lock from its first moment.
 */
export function transaction<T>(
  store: string,
  sql: Record<'begin' | 'commit' | 'rollback', SqliteStatement>,
  work: () => T,
): T {
  sql.begin.run()
  try {
    const result = work()
    sql.commit.run()
    return result
  } catch (error) {
    // What fails before the commit has changed nothing, nor has a commit that SQLite itself refuses.
    const applied = isIoError(error) ? 'unknown' : false
    try {
      sql.rollback.run()
    } catch {
      // SQLite has already rolled back, as it does when the disk is full.
    }
    throw isBusy(error) ? error : new StoreError(store, 'failed', applied, error)
  }
}

/**
 * Tries again while another process is in the way, or a transaction that the application itself has opened on this handle:
 * SQLite says so before it has changed anything.
 */
export async function patiently<T>(store: string, milliseconds: number, work: () => T, failed = 'failed'): Promise<T> {
  for (const end = performance.now() + milliseconds; ; ) {
    try {
      return work()
    } catch (error) {
      if (error instanceof StoreError || error instanceof SessionUsageError) throw error
      if (!isBusy(error)) throw new StoreError(store, failed, false, error, { whole: failed !== 'failed' })
      if (performance.now() > end) {
        const [what, advice] = isNested(error)
          ? [
              'a transaction that is open on its handle',
              'give it its own handle, or end the transaction before you await',
            ]
          : ['another process']
        throw new StoreError(store, `waited too long for ${what}`, false, error, { advice })
      }
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * PATIENCE))
  }
}

/** The drivers have no error code in common, but they all repeat SQLite's own words. */
function isBusy(error: unknown): boolean {
  return /database (\S+ )?is locked|SQLITE_BUSY/.test(String(error)) || isNested(error)
}

/** The handle is the application's, and has a transaction open. */
function isNested(error: unknown): boolean {
  return /cannot start a transaction within a transaction/.test(String(error))
}

/** The disk failed during a commit, so nobody knows what it holds. */
function isIoError(error: unknown): boolean {
  return /disk I\/O error|SQLITE_IOERR/.test(String(error))
}
