import type { Found, Problem } from '../algebra/index.ts'
import { reasonOf, tellable } from './cause.ts'
import { visible } from './visible.ts'

/** Marks errors of this package, also those of a second copy of it in the same process. */
const BRAND = Symbol.for('koa-atomic-session.error')

/**
 * What every error of this package has in common.
 *
 * `status` and `expose` are plain writable properties, because Koa assigns to them. `applied` says whether the change
 * was applied: `false` (definitely not applied) or `'unknown'` (the store may have applied it). Messages contain no
 * secret, no cookie and no session data, and control characters are written as `\\u001b`.
 */
export abstract class SessionError extends Error {
  /** Identifies the error, for `switch`: `ERR_SESSION_GONE`. */
  abstract readonly code: string
  /** The HTTP status of the response, unless your code handles the error. */
  abstract status: number
  /** Whether the visitor may read the message. */
  expose = false
  /** `false`: the change was definitely not applied. `'unknown'`: the store may have applied it. */
  applied: false | 'unknown' = false

  /** A path or a key may come from a visitor, so messages contain no control characters. */
  constructor(message: string, options?: ErrorOptions) {
    super(visible(message), options)
  }
}

Object.defineProperty(SessionError.prototype, BRAND, { value: true })

/** The code uses the library wrongly; the message says what to write instead. Thrown at set-up if possible. */
export class SessionUsageError extends SessionError {
  override name = 'SessionUsageError' as const
  readonly code = 'ERR_SESSION_USAGE'
  status = 500
}

/** A path that no session can have: an empty key, one that begins with `$`, `__proto__`, `toString` and the like. Thrown before any I/O. */
export class InvalidPathError extends SessionError {
  override name = 'InvalidPathError' as const
  readonly code = 'ERR_SESSION_PATH'
  status = 400
  readonly path: string
  constructor(path: string, reason: string) {
    super(`'${path}' cannot be a path in a session: ${reason}`)
    this.path = path
  }
}

/** A value, or a part of one, that a session can't keep. Thrown before any I/O; `path` is where it would be. */
export class InvalidValueError extends SessionError {
  override name = 'InvalidValueError' as const
  readonly code = 'ERR_SESSION_VALUE'
  status = 400
  readonly path: string
  constructor(path: string, reason: string) {
    super(`A session cannot keep the value at '${path}': ${reason}`)
    this.path = path
  }
}

/** Two commands in one chain touch the same path, so their order would matter. Thrown before any I/O. */
export class PathConflictError extends SessionError {
  override name = 'PathConflictError' as const
  readonly code = 'ERR_SESSION_CONFLICT'
  status = 500
  readonly path: string
  constructor(path: string, other: string) {
    super(`One chain cannot change both '${other}' and '${path}': await the first command, then call the second`)
    this.path = path
  }
}

/** A command met a value that it can't be applied to, such as `inc` on a string. Nothing of its chain was applied. */
export class CommandTypeError extends SessionError {
  override name = 'CommandTypeError' as const
  readonly code = 'ERR_SESSION_TYPE'
  status = 500
  readonly path: string
  readonly command: string
  readonly found: Found
  constructor(path: string, command: string, found: Found) {
    super(`${command}('${path}') does not work on ${NOUN[found] ?? found}; nothing of its chain was applied`)
    this.path = path
    this.command = command
    this.found = found
  }
}

const NOUN: Partial<Record<Found, string>> = {
  boolean: 'a boolean',
  number: 'a number',
  string: 'a string',
  date: 'a date',
  list: 'a list',
  object: 'an object',
  bson: 'a BSON value',
  element: 'an element of a list',
}

/** The condition of `if(path, value)` or `ifMissing(path)` does not hold. Nothing of its chain was applied. */
export class ConditionFailedError extends SessionError {
  override name = 'ConditionFailedError' as const
  readonly code = 'ERR_SESSION_CONDITION'
  status = 409
  readonly path: string
  constructor(path: string) {
    super(`The session holds another value at '${path}' than the chain asks for; nothing of its chain was applied`)
    this.path = path
  }
}

/** The chain is larger than `maxBytes`, or the session is, and the chain would make it grow. Nothing was applied. */
export class SessionTooLargeError extends SessionError {
  override name = 'SessionTooLargeError' as const
  readonly code = 'ERR_SESSION_TOO_LARGE'
  status = 413
  constructor(bytes: number, limit: number) {
    super(`The session or the change has a size of ${bytes}, the limit is ${limit}; keep large data elsewhere`)
  }
}

/**
 * The session was destroyed or has expired, while this request was running, or before `at(id)` named it. Nothing was
 * applied.
 */
export class SessionGoneError extends SessionError {
  override name = 'SessionGoneError' as const
  readonly code = 'ERR_SESSION_GONE'
  status = 409
  constructor() {
    super('The session was destroyed or has expired; nothing was applied')
  }
}

/**
 * The session's secret was renewed by an explicit `rotate()`, such as a log-in, after this request had begun. The
 * request has an older secret, so nothing was applied. A socket or a stream ends in this way.
 */
export class SessionRotatedError extends SessionError {
  override name = 'SessionRotatedError' as const
  readonly code = 'ERR_SESSION_ROTATED'
  status = 409
  constructor() {
    super("Another request has rotated the session's secret since this one began; nothing was applied")
  }
}

/**
 * The session is bound to a device, and the request has not proved that it comes from there: its cookie was copied, or
 * the browser could not sign for a moment. Nothing was read or applied, and the cookie stays as it is.
 */
export class SessionUnboundError extends SessionError {
  override name = 'SessionUnboundError' as const
  readonly code = 'ERR_SESSION_UNBOUND'
  status = 401
  override expose = true
  constructor() {
    super('This session is bound to a device, and this request does not come from it; please log in again')
  }
}

/** A form or request without a valid CSRF token, or from another site. */
export class CsrfError extends SessionError {
  override name = 'CsrfError' as const
  readonly code = 'ERR_SESSION_CSRF'
  status = 403
  override expose = true
  /** Which check refused it. */
  readonly reason: 'token' | 'site' | 'origin'
  /**
   * For developers: what was wrong, what the browser sent, and what to do. It contains no token and no secret. The
   * message, which the visitor sees, includes it unless NODE_ENV is 'production'.
   */
  readonly detail: string
  constructor(reason: 'token' | 'site' | 'origin', detail = '') {
    const told = detail === '' || process.env.NODE_ENV === 'production' ? '' : ` (${reason}: ${detail})`
    super(`This form is no longer valid; please open it again${told}`)
    this.reason = reason
    this.detail = detail
  }
}

/** The visitor proved who they are too long ago for this. */
export class FreshAuthRequiredError extends SessionError {
  override name = 'FreshAuthRequiredError' as const
  readonly code = 'ERR_SESSION_AUTH'
  status = 401
  override expose = true
  constructor() {
    super('Please log in again to do this')
  }
}

/** What a store adds to its driver's error. */
export interface Telling {
  /** What the operator can do about exactly this error code: `add retryWrites=false`. */
  readonly advice?: string | undefined
  /** The call sent no session data, as in `setup()`, so the database's whole message is shown. */
  readonly whole?: boolean
  /** The store knows that this message of its database is only about the database, so it is shown. */
  readonly harmless?: boolean
}

/**
 * The database failed or did not answer in time; `applied` says whether the change may have been applied.
 *
 * The message gives the reason, if that can't quote a session: `The postgres store failed: connect ECONNREFUSED
 * 127.0.0.1:5432`, `The mongodb store failed: MongoServerError 13 Unauthorized`. Its `cause` is a copy of the driver's
 * error without anything that can quote one: name, codes, stack, and a safe message.
 */
export class StoreError extends SessionError {
  override name = 'StoreError' as const
  readonly code = 'ERR_SESSION_STORE'
  status = 503
  readonly store: string
  /** Sending the change again would not help. */
  final = false
  constructor(store: string, what: string, applied: false | 'unknown', cause?: unknown, telling: Telling = {}) {
    const { advice, whole, harmless } = telling
    const reason = cause === undefined ? '' : reasonOf(cause, whole, harmless)
    const told = reason === '' || what.includes(reason) ? what : `${what}: ${reason}`
    super(
      `The ${store} store ${advice ? `${told}; ${advice}` : told}`,
      cause === undefined ? {} : { cause: tellable(cause, whole, harmless) },
    )
    this.store = store
    this.applied = applied
  }
}

/** Every error of this package, for `switch (error.code)`. */
export type AnySessionError =
  | SessionUsageError
  | InvalidPathError
  | InvalidValueError
  | PathConflictError
  | CommandTypeError
  | ConditionFailedError
  | SessionTooLargeError
  | SessionGoneError
  | SessionRotatedError
  | SessionUnboundError
  | CsrfError
  | FreshAuthRequiredError
  | StoreError

export type SessionErrorCode = AnySessionError['code']

/** True for errors of this package, also of another copy of it. */
export function isSessionError(error: unknown): error is AnySessionError {
  return typeof error === 'object' && error !== null && BRAND in error
}

/** The error that tells a {@link Problem} to the application. */
export function errorOf(problem: Problem): AnySessionError {
  switch (problem.kind) {
    case 'path':
      return new InvalidPathError(problem.path, problem.reason)
    case 'value':
      return new InvalidValueError(problem.path, problem.reason)
    case 'overlap':
      return new PathConflictError(problem.path, problem.other)
    case 'type':
      return new CommandTypeError(problem.path, problem.command, problem.found)
    case 'condition':
      return new ConditionFailedError(problem.path)
    case 'size':
      return new SessionTooLargeError(problem.bytes, problem.limit)
  }
}
