/**
 * Makes wrong use of a session loud. `ctx.session` is a function, and a handle has no data: code that is written for a
 * session object would write on what all visitors share, or read `undefined` where a right is checked.
 */
import { isReserved } from '../data/types.ts'
import { SessionUsageError } from '../errors/index.ts'

/**
 * Names that others than the application ask for: promises look for `then`, JSON for `toJSON`, and Node's `inspect` and
 * test runners for the others. All symbols are left alone, too.
 */
const ASKED_BY_TOOLS: ReadonlySet<PropertyKey> = new Set([
  'then',
  'toJSON',
  'constructor',
  'asymmetricMatch',
  '$$typeof',
  'nodeType',
  'tagName',
  'inspect',
  'href',
  '0',
])
/** What only a loaded session has, of the names that are the session's own. */
const LOADED: ReadonlySet<string> = new Set([
  'id',
  'created',
  'expires',
  'maxAge',
  'isNew',
  'data',
  'authAt',
  'createCSRF',
  'assertCSRF',
  'requireFresh',
  'bound',
  'requireBound',
])
const SAVING: ReadonlySet<string> = new Set(['save', 'commit', 'manuallyCommit'])

type Open = (this: never, use?: never) => object

/**
 * Defines the property that gives a request its session, such as `ctx.session`. It can be called, and nothing else:
 * every other use of the function, and every assignment to the property, throws an error with the line to write.
 *
 * It is an accessor, because an assignment to anything else that is read-only passes in silence in CommonJS without
 * 'use strict'. Unless it is `configurable`, nobody replaces it later.
 */
export function guardOf(
  place: 'ctx' | 'req' | 'request',
  property: string,
): (target: object, open: Open, configurable?: boolean) => void {
  const name = `${place}.${property}`
  // For Fastify there is none.
  const unchanged = place === 'request' ? '' : ' (or leave the code as it is, over koa-atomic-session/classic)'
  const handler = handlerOf(name, unchanged)
  const set = (value: unknown): never => {
    const instead = value == null || value === false ? 'destroy()' : 'set({ … })'
    throw new SessionUsageError(`${name} cannot be assigned. Write: await ${name}().${instead}${unchanged}`)
  }
  return (target, open, configurable = false) => {
    let shown: Open | undefined
    const get = (): Open => {
      shown ??= new Proxy(open, handler)
      return shown
    }
    Object.defineProperty(target, property, { configurable, get, set })
  }
}

function handlerOf(name: string, unchanged: string): ProxyHandler<Open> {
  const refuse = (instead: string): never => {
    throw new SessionUsageError(`${name} is a function. Write: ${instead}${unchanged}`)
  }
  const read = (key: PropertyKey): void => {
    if (typeof key === 'symbol' || ASKED_BY_TOOLS.has(key)) return
    if (SAVING.has(String(key))) {
      throw new SessionUsageError(
        `${name} is a function, and nothing has to be saved: a command is stored when it resolves${unchanged}`,
      )
    }
    refuse(reading(`${name}()`, String(key)))
  }
  return {
    get(target, key) {
      read(key)
      return key === 'constructor' || typeof key === 'symbol' ? Reflect.get(target, key) : undefined
    },
    has(target, key) {
      read(key)
      return typeof key === 'symbol' && Reflect.has(target, key)
    },
    getOwnPropertyDescriptor(target, key) {
      read(key)
      return Reflect.getOwnPropertyDescriptor(target, key)
    },
    set: (_, key) => refuse(writing(`${name}()`, key)),
    defineProperty: (_, key) => refuse(writing(`${name}()`, key)),
    deleteProperty: (_, key) => refuse(`await ${name}().unset(${quoted(key)})`),
    ownKeys: () => refuse(`(await ${name}()).data`),
    setPrototypeOf: () => refuse(`${name}()`),
    preventExtensions: () => refuse(`${name}()`),
  }
}

/**
 * The end of the prototype chain of handles, chains and calls: it is asked only for names that they don't have, so what
 * they do have costs nothing more.
 */
export const UNKNOWN: object = new Proxy(
  {},
  {
    get(target, key, receiver) {
      unknown(key)
      return Reflect.get(target, key, receiver)
    },
    has(target, key) {
      unknown(key)
      return Reflect.has(target, key)
    },
    set(_, key) {
      throw new SessionUsageError(`A session can't be assigned to. Write: ${writing('session', key)}`)
    },
  },
)

function unknown(key: PropertyKey): void {
  if (typeof key === 'symbol' || key in Object.prototype || (ASKED_BY_TOOLS.has(key) && key !== 'toJSON')) return
  const instead = key === 'toJSON' ? '(await session).data' : reading('session', String(key))
  throw new SessionUsageError(`A session shows its data only after it has been awaited. Write: ${instead}`)
}

function reading(session: string, key: string): string {
  if (isReserved(key) && !LOADED.has(key)) return `await ${session}.${key}(…)`
  return IDENTIFIER.test(key) ? `(await ${session}).${key}` : `(await ${session})[…]`
}

function writing(session: string, key: PropertyKey): string {
  return key === 'maxAge' ? `await ${session}.touch(maxAge)` : `await ${session}.set(${quoted(key)}, value)`
}

/** Names that a program computes may hold anything; only those that it can have written are shown. */
const IDENTIFIER = /^[A-Za-z_$][\w$]{0,40}$/
const PATH = /^[A-Za-z_$][\w$]{0,40}(\.(?:[A-Za-z_$][\w$]{0,40}|\d{1,9})){0,20}$/
/** A path as an argument. */
export function quoted(path: PropertyKey): string {
  return typeof path === 'string' && PATH.test(path) ? `'${path}'` : 'path'
}
