import { visible } from './visible.ts'

/**
 * What may be told of an error that a driver has thrown. Errors end up in logs, and a driver's error can quote a session:
 * the row, the document, the command with its arguments. So only what is known to speak of the database itself is told.
 */

/** The parts of a driver's error that are looked at. */
interface DriverError {
  readonly name?: unknown
  readonly message?: unknown
  readonly stack?: unknown
  readonly code?: unknown
  readonly codeName?: unknown
  readonly errno?: unknown
  readonly severity?: unknown
  readonly sqlState?: unknown
  /** Node.js: what was tried on several addresses of one host. */
  readonly errors?: unknown
  /** MongoDB: a write that was applied, but is not as durable as was asked for. */
  readonly result?: { readonly writeConcernError?: { readonly codeName?: unknown } }
}

/** Classes of SQLSTATE that speak of connections, names, rights and resources, never of a row. */
const PG_SPEAKS_OF_ITSELF = /^(?:08|25|28|3D|3F|40|42|53|54|55|57|58)/

/**
 * Replies of Redis that speak of the server itself: the first word, and as much of the sentence as can quote neither a
 * key nor an argument.
 */
const REDIS_SPEAKS_OF_ITSELF = [
  /^(?:READONLY|OOM|LOADING|MISCONF|BUSY|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|TRYAGAIN|UNKILLABLE|NOAUTH|WRONGPASS|NOSCRIPT|MOVED|ASK|CROSSSLOT|WRONGTYPE) .*/,
  /^NOPERM (?:.* )?[Nn]o permissions? to (?:run the '[\w|]+' command|access a (?:key|channel))/,
  /^NOPERM .* has no permissions to run the '[\w|]+' command/,
  /^ERR max number of clients reached/,
  /^ERR unknown command ['`][\w.|]+['`]/,
]

const LEFT_OUT = '(what it says is left out: it can quote a session)'

/** More than any database says of itself. */
const LONGEST = 300

/**
 * The error as the `cause` of another: a copy with its name, its codes, where it happened, and its message unless that
 * can quote what was sent or stored. Everything else that drivers attach stays behind.
 *
 * @param whole The message is told as it is, for a call that was sent nothing of any session.
 * @param harmless The store knows that the message speaks of the database alone.
 */
export function tellable(cause: unknown, whole = false, harmless = false): Error {
  const error = partsOf(cause)
  const { code, errno } = error
  const codeName = codeNameOf(error)
  const name = nameOf(error)
  const told = new Error(visible(sentenceOf(error, whole, harmless) ?? LEFT_OUT))
  const plain = (value: unknown) => typeof value === 'string' || typeof value === 'number'
  Object.defineProperty(told, 'name', { value: name, configurable: true })
  Object.defineProperty(told, 'stack', { value: `${told}${framesOf(error)}`, configurable: true })
  return Object.assign(told, plain(code) && { code }, plain(codeName) && { codeName }, plain(errno) && { errno })
}

/**
 * The error in one line for an operator: `connect ECONNREFUSED 127.0.0.1:5432`, `MongoServerError 13 Unauthorized`,
 * `42501 permission denied for table sessions`, `SQLITE_FULL database or disk is full`. What can quote a session is not
 * in it; its kind and its code always are.
 *
 * @param whole The message is told as it is, for a call that was sent nothing of any session.
 * @param harmless The store knows that the message speaks of the database alone.
 */
export function reasonOf(cause: unknown, whole = false, harmless = false): string {
  const error = partsOf(cause)
  const sentence = sentenceOf(error, whole, harmless)
  const kind = kindOf(error, sentence)
  return [kind, sentence].filter(Boolean).join(sentence && / /.test(kind) ? ': ' : ' ')
}

/** What says which error it is, where the sentence does not: its codes, or else its name. */
function kindOf(error: DriverError, sentence: string | undefined): string {
  const { code, severity } = error
  const name = nameOf(error)
  const codeName = codeNameOf(error)
  // MongoDB's server: the number alone is known to nobody.
  if (typeof code === 'number' && /^Mongo/.test(name)) return [name, code, codeName].filter(Boolean).join(' ')
  if (severity !== undefined) return String(code)
  const known = typeof code === 'string' && /^[A-Z][A-Z\d_]*$/.test(code) ? code : undefined
  if (sentence) {
    if (known && !sentence.includes(known) && !known.startsWith('ERR_')) return known
    // A fault of a program says nothing without its kind.
    return /^(?:Type|Range|Reference)Error$/.test(name) ? `${name}:` : ''
  }
  return [name === 'Error' || name === 'ReplyError' ? '' : name, known].filter(Boolean).join(' ') || classOf(error)
}

/** What a driver's class is called, for errors that say nothing else: node-redis gives its own neither name nor message. */
function classOf(error: DriverError): string {
  const { name } = (error.constructor ?? {}) as { name?: unknown }
  return typeof name === 'string' && /^\w+Error$/.test(name) ? name : 'no reason given'
}

/** What the error says, on one line and without a password; undefined where that can quote a session. */
function sentenceOf(error: DriverError, whole: boolean, harmless: boolean): string | undefined {
  const sentence = whole ? textOf(error) : safe(error, harmless)
  const end = sentence?.indexOf('\n') ?? -1
  const line = end < 0 ? sentence : sentence?.slice(0, end)
  return line?.slice(0, LONGEST).replace(/\/\/[^/@\s]*@/g, '//')
}

function safe(error: DriverError, harmless: boolean): string | undefined {
  const { code, severity } = error
  const name = nameOf(error)
  const message = textOf(error)
  // PostgreSQL
  if (severity !== undefined) return PG_SPEAKS_OF_ITSELF.test(String(code)) ? message : undefined
  // MySQL and MariaDB: their store knows which of their sentences quote a value.
  if (error.sqlState !== undefined) return harmless ? message : undefined
  // MongoDB's server quotes documents and commands; its driver speaks of connections only.
  if (typeof code === 'number' || /^(?:MongoServerError|MongoWrite|MongoBulk|BSON(?!Version))/.test(name))
    return undefined
  // Redis: the first word of a reply is the kind of the error.
  const kind = /^[A-Z]{3,}(?= )/.exec(message)?.[0]
  if (kind) {
    const said = REDIS_SPEAKS_OF_ITSELF.map((pattern) => pattern.exec(message)?.[0]).find(Boolean)
    return said ?? `${kind} ${lineOf(message)}${LEFT_OUT}`
  }
  // Somebody has damaged what was stored.
  return name === 'SyntaxError' ? undefined : message
}

function partsOf(cause: unknown): DriverError {
  return (typeof cause === 'object' && cause !== null ? cause : {}) as DriverError
}

function nameOf({ name }: DriverError): string {
  return typeof name === 'string' ? name : 'Error'
}

function codeNameOf({ codeName, result }: DriverError): unknown {
  return codeName ?? result?.writeConcernError?.codeName
}

/** What was tried on several addresses says nothing itself; the first of them does. */
function textOf({ message, errors }: DriverError): string {
  if (typeof message === 'string' && message !== '') return message
  const first = Array.isArray(errors) ? partsOf(errors[0]).message : undefined
  return typeof first === 'string' ? first : ''
}

/** Where a script of ours has failed: Redis 7 says so at the end of its message, Redis 6.2 at the beginning. */
const SCRIPT_LINE =
  /^ERR Error running script \(call to f_\w+\): @user_script:(\d{1,4}):|, on @user_script:(\d{1,4})\.$/

function lineOf(message: string): string {
  const [, first, last] = SCRIPT_LINE.exec(message) ?? []
  return first || last ? `in line ${first ?? last} of the script ` : ''
}

/** The lines of a stack below the message, which it begins with. */
function framesOf({ stack, message }: DriverError): string {
  if (typeof stack !== 'string' || typeof message !== 'string') return ''
  const at = stack.indexOf(message)
  // Without its message in front nobody can tell what is a frame and what only looks like one.
  if (at < 0) return ''
  const frames = stack
    .slice(at + message.length)
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
  return ['', ...frames].join('\n')
}
