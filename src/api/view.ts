import type { Value } from '../algebra/index.ts'
import { isReserved } from '../data/types.ts'
import type { Visit } from '../visit/visit.ts'
import { Chaining } from './chaining.ts'
import { Commands } from './commands.ts'
import { quoted } from './guard.ts'
import { DATA, Loaded, SHOW } from './loaded.ts'
import { readOnly } from './part.ts'
import type { Session } from './types.ts'

/** The session with its data as properties of its own. */
export function viewOf<D>(visit: Visit): Session<D> {
  return new Proxy(new Loaded<D>(visit), VIEW) as Session<D>
}

/** What a loaded session has besides its data. Any other name is a field that is missing, which is no mistake here. */
const MEMBERS: ReadonlySet<string | symbol> = new Set(
  [Loaded.prototype, Commands.prototype, Chaining.prototype, Object.prototype].flatMap((prototype) =>
    Reflect.ownKeys(prototype),
  ),
)

/** One for all sessions: handlers of its own would cost each request more than the Proxy. */
const VIEW: ProxyHandler<Loaded<unknown>> = {
  get(target, key) {
    const value = dataAt(target, key)
    if (value !== undefined) return target[SHOW](value, key as string)
    if (!MEMBERS.has(key)) return undefined
    const member = Reflect.get(target, key, target)
    // What every object has, such as hasOwnProperty, runs on what is shown. The session's own methods run on the session
    // itself, which has the private fields that a Proxy lacks.
    if (typeof member !== 'function' || key === 'constructor' || member === Reflect.get(Object.prototype, key)) {
      return member
    }
    return member.bind(target)
  },
  has: (target, key) => dataAt(target, key) !== undefined || MEMBERS.has(key),
  ownKeys: (target) => Object.keys(target[DATA]).filter((key) => !isReserved(key)),
  getOwnPropertyDescriptor(target, key) {
    const value = dataAt(target, key)
    return value === undefined
      ? undefined
      : { value: target[SHOW](value, key as string), enumerable: true, configurable: true, writable: false }
  },
  set: (_, key) => readOnly(String(key), key === 'maxAge' ? 'touch(maxAge)' : `set(${quoted(key)}, value)`),
  defineProperty: (_, key) => readOnly(String(key), `set(${quoted(key)}, value)`),
  deleteProperty: (_, key) => readOnly(String(key), `unset(${quoted(key)})`),
}

function dataAt(session: Loaded<unknown>, key: string | symbol): Value | undefined {
  const data = session[DATA]
  return typeof key === 'string' && Object.hasOwn(data, key) && !isReserved(key) ? data[key] : undefined
}
