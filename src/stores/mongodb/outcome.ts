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

/** What the server says of a write that it has applied, but could not make as durable as was asked for. */
export function isConcern(error: unknown): boolean {
  return (error as { name?: string }).name === 'MongoWriteConcernError'
}

/**
 * What became of an update that failed: `refused` by the values it met, `failed` and surely not applied, or `unknown`.
 */
export function outcomeOf(error: unknown): 'refused' | 'failed' | 'unknown' {
  const { name, code, errorLabels } = error as { name?: string; code?: unknown; errorLabels?: readonly string[] }
  if (typeof code === 'number' && REFUSED.has(code)) return 'refused'
  if (name !== undefined && NOT_APPLIED.has(name)) return 'failed'
  if (errorLabels?.includes('NoWritesPerformed')) return 'failed'
  // The server's own answer to the command is a refusal, unless it speaks of what happened after the write.
  if (name === 'MongoServerError' && !errorLabels?.includes('RetryableWriteError')) return 'failed'
  return 'unknown'
}
