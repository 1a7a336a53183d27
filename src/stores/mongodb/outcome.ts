/** Server errors by which an operator says that it can't work on what the document holds. */
const REFUSED = new Set([
  2, // BadValue: $push on what is no list
  14, // TypeMismatch: $inc on a string
  28, // PathNotViable: a field within a scalar
  16837, // $addToSet on what is no list, by servers before 4.2
])

/**
 * Failures before anything was sent. That no server or no connection could be had is not among them: the driver says
 * the same where it had sent the command before, lost the reply, and was about to send it again.
 */
const NOT_APPLIED = new Set(['BSONError', 'BSONVersionError'])

/**
 * Errors that a server tells of the way to another one, or of its own end: a mongos has sent the update on to a shard,
 * and a primary may have written before it stepped down. With retryable writes they carry the label
 * `RetryableWriteError`; behind a mongos, and with `retryWrites=false`, they come without it.
 * https://www.mongodb.com/docs/manual/reference/error-codes/
 */
const UNKNOWN = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  50, // MaxTimeMSExpired
  89, // NetworkTimeout
  91, // ShutdownInProgress
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  9001, // SocketException
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
])

/** The server's code, which is a BSON number where the client is set to make none of JavaScript's. */
export function codeOf(error: unknown): number | undefined {
  const { code } = error as { code?: unknown }
  return code === undefined || code === null ? undefined : Number(code)
}

/** What the server says of a write that it has applied, but could not make as durable as was asked for. */
export function isConcern(error: unknown): boolean {
  return (error as { name?: string }).name === 'MongoWriteConcernError'
}

/** An id that is taken, as opposed to a unique index that the collection has besides. */
export function isTaken(error: unknown): boolean {
  const { keyPattern } = error as { keyPattern?: object }
  return codeOf(error) === 11000 && (keyPattern === undefined || '_id' in keyPattern)
}

/**
 * What became of an update that failed: `refused` by the values it met, `failed` and definitely not applied, or
 * `unknown`.
 */
export function outcomeOf(error: unknown): 'refused' | 'failed' | 'unknown' {
  const { name, errorLabels } = error as { name?: string; errorLabels?: readonly string[] }
  const code = codeOf(error)
  if (code !== undefined && REFUSED.has(code)) return 'refused'
  if (name !== undefined && NOT_APPLIED.has(name)) return 'failed'
  if (errorLabels?.includes('NoWritesPerformed')) return 'failed'
  if (errorLabels?.includes('RetryableWriteError') || (code !== undefined && UNKNOWN.has(code))) return 'unknown'
  // Any other answer of the server itself is a refusal.
  return name === 'MongoServerError' ? 'failed' : 'unknown'
}

/** What an operator can do about an error of the server, for the codes that have one remedy. */
const ADVICE: Readonly<Record<number, string>> = {
  13: 'the user needs find, insert, update and remove on the collection, and createIndex for setup: the role readWrite has them',
  18: 'check the user, the password and authSource in the URL',
  121: 'a validator of the collection refuses it: sessions need a collection without one',
  166: 'this is a view: sessions need a collection',
  10334: 'MongoDB keeps no document above 16 MB: lower maxBytes',
  11000: 'a unique index of the collection refuses it: sessions need none except the one on _id',
  17419: 'MongoDB keeps no document above 16 MB: lower maxBytes',
  17420: 'MongoDB keeps no document above 16 MB: lower maxBytes',
}

/** A server that is no replica set has no retryable writes; what it says is the only sign of it. */
const NO_RETRIES = /Transaction numbers are only allowed|does not support retryable writes/

export function adviceFor(error: unknown): string | undefined {
  const code = codeOf(error)
  if (code === 20 && NO_RETRIES.test(String((error as Error).message))) return 'add retryWrites=false to the URL'
  return code === undefined ? undefined : ADVICE[code]
}
