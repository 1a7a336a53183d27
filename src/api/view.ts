import type { Value } from '../algebra/index.ts'
import { isReserved } from '../data/types.ts'
import { SessionUsageError } from '../errors/index.ts'
import type { Visit } from '../visit/visit.ts'
import { DATA, Loaded, SHOW } from './loaded.ts'
import type { Session } from './types.ts'

/** The session with its data as properties of its own. */
export function viewOf<D>(visit: Visit): Session<D> {
  return new Proxy(new Loaded<D>(visit), VIEW) as Session<D>
}

/** One for all sessions: handlers of its own would cost each request more than the Proxy. */
const VIEW: ProxyHandler<Loaded<unknown>> = {
  get(target, key) {
    const value = dataAt(target, key)
    if (value !== undefined) return target[SHOW](value)
    const member = Reflect.get(target, key, target)
    // Methods run on the session itself, which has the private fields that a Proxy lacks.
    return typeof member === 'function' && key !== 'constructor' ? member.bind(target) : member
  },
  has: (target, key) => dataAt(target, key) !== undefined || Reflect.has(target, key),
  ownKeys: (target) => Object.keys(target[DATA]).filter((key) => !isReserved(key)),
  getOwnPropertyDescriptor(target, key) {
    const value = dataAt(target, key)
    return value === undefined
      ? undefined
      : { value: target[SHOW](value), enumerable: true, configurable: true, writable: false }
  },
  set: (_, key) => readOnly(key, `set('${String(key)}', value)`),
  defineProperty: (_, key) => readOnly(key, `set('${String(key)}', value)`),
  deleteProperty: (_, key) => readOnly(key, `unset('${String(key)}')`),
}

function dataAt(session: Loaded<unknown>, key: string | symbol): Value | undefined {
  const data = session[DATA]
  return typeof key === 'string' && Object.hasOwn(data, key) && !isReserved(key) ? data[key] : undefined
}

function readOnly(key: string | symbol, instead: string): never {
  if (key === 'maxAge') instead = 'touch(maxAge)'
  throw new SessionUsageError(`session.${String(key)} is read-only. Write: await session.${instead}`)
}
