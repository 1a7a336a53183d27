import { visible } from './visible.ts'

/** The parts of a driver's error that are looked at. */
interface DriverError {
  readonly name?: unknown
  readonly message?: unknown
  readonly stack?: unknown
  readonly code?: unknown
  readonly codeName?: unknown
  readonly errno?: unknown
  readonly severity?: unknown
}

/** Classes of SQLSTATE that speak of connections, names, rights and resources, never of a row. */
const PG_SPEAKS_OF_ITSELF = /^(?:08|25|28|3D|3F|40|42|53|54|55|57|58)/

/**
 * What may be told of an error that a driver has thrown: a new error with its name, its codes, where it happened, and
 * its message unless that can quote what was sent or stored. Everything else that drivers attach (the row, the
 * command with its arguments, the document) stays behind, because errors end up in logs.
 */
export function tellable(cause: unknown): Error {
  const error = (typeof cause === 'object' && cause !== null ? cause : {}) as DriverError
  const { message, code, codeName, errno } = error
  const name = typeof error.name === 'string' ? error.name : 'Error'
  const told = new Error(visible(messageOf(error, name)))
  const plain = (value: unknown) => typeof value === 'string' || typeof value === 'number'
  Object.defineProperty(told, 'name', { value: name, configurable: true })
  Object.defineProperty(told, 'stack', { value: `${told}${framesOf(error.stack, message)}`, configurable: true })
  return Object.assign(told, plain(code) && { code }, plain(codeName) && { codeName }, plain(errno) && { errno })
}

function messageOf({ message, code, severity }: DriverError, name: string): string {
  if (typeof message !== 'string') return ''
  // PostgreSQL
  if (severity !== undefined) return PG_SPEAKS_OF_ITSELF.test(String(code)) ? message : LEFT_OUT
  // MongoDB's server quotes documents and commands; its driver speaks of connections only.
  if (typeof code === 'number' || /^(?:MongoServerError|MongoWrite|MongoBulk|BSON)/.test(name)) return LEFT_OUT
  // Redis: the first word of a reply is the kind of the error.
  const kind = /^[A-Z]{3,}(?= )/.exec(message)?.[0]
  if (kind) return `${kind} ${LEFT_OUT}`
  // Somebody has damaged what was stored.
  return name === 'SyntaxError' ? LEFT_OUT : message
}

const LEFT_OUT = '(what it says is left out: it can quote a session)'

/** The lines of a stack below the message, which it begins with. */
function framesOf(stack: unknown, message: unknown): string {
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
