/** A statement was not sent, because there was no connection for it. */
export class NotSent extends Error {
  constructor(cause: unknown) {
    super('not sent', { cause })
  }
}

/** No answer came, and it may still come. */
export class Unanswered extends Error {}

/** The driver's own error. */
export function causeOf(error: unknown): unknown {
  return error instanceof NotSent ? error.cause : error
}

/** Before `setup()` has run, or after it ran without a field of `index`: no such table, no such column. */
const NOT_SET_UP = new Set([1146, 1054])

/**
 * The server asks to send it again: it has undone the statement for a deadlock, a newer snapshot, a change of the table, or
 * because another node of its cluster was first.
 */
const CONFLICT = new Set([1213, 1020, 1615, 3101])

/** Classes of SQLSTATE that say that the statement was undone, and the same of errors without a class of their own. */
const UNDONE = /^(?:21|22|23|25|28|3D|40|42|44|08004$)/
const UNDONE_CODES = new Set([
  1021, 1037, 1038, 1040, 1041, 1047, 1114, 1153, 1205, 1206, 1290, 1364, 1366, 1461, 1792, 1836, 1969, 3024,
])

/** Of those, the ones that never quote a value. */
const SPEAKS_OF_ITSELF = /^(?:25|28|3D|40|42|08)/
const SPEAKING_CODES = new Set([...UNDONE_CODES, 1053, 1317].filter((code) => code !== 1366))

export type MysqlOutcome = 'conflict' | 'not set up' | 'failed' | 'unknown'

/** What became of a statement that failed. If only the connection has failed, nobody knows whether the server went on. */
export function outcomeOf(error: unknown): MysqlOutcome {
  if (error instanceof NotSent) return 'failed'
  const { errno, sqlState, message } = error as { errno?: number; sqlState?: string; message?: string }
  if (message === "Can't add new command when connection is in closed state") return 'failed'
  if (errno === undefined || sqlState === undefined) return 'unknown'
  if (CONFLICT.has(errno)) return 'conflict'
  if (NOT_SET_UP.has(errno)) return 'not set up'
  return UNDONE.test(sqlState) || UNDONE_CODES.has(errno) ? 'failed' : 'unknown'
}

/** Whether what the server says never quotes a value. */
export function isHarmless(error: unknown): boolean {
  const { errno, sqlState } = causeOf(error) as { errno?: number; sqlState?: string }
  return sqlState !== undefined && (SPEAKS_OF_ITSELF.test(sqlState) || SPEAKING_CODES.has(errno!))
}

/** Throws the error, unless a row with this key is there already. */
export function unlessTaken(error: unknown): undefined {
  if ((error as { errno?: number }).errno !== 1062) throw error
}

export function isReadOnly(error: unknown): boolean {
  const { errno } = error as { errno?: number }
  return errno === 1290 || errno === 1792 || errno === 1836
}

/** A column or a key with this name is there already. */
export function isThere(error: unknown): boolean {
  const { errno } = error as { errno?: number }
  return errno === 1060 || errno === 1061
}
