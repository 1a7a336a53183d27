// biome-ignore lint/suspicious/noTsIgnore: an error is expected only where Koa's types are not installed
/** @ts-ignore: who uses other servers has no types of Koa */
import type Koa from 'koa'
import { SessionUsageError } from '../errors/index.ts'

/** Applications of any state and context. */
// biome-ignore lint/suspicious/noExplicitAny: as it says
export type Application = Koa<any, any>

export function override<K extends 'use' | 'callback'>(app: Application, method: K, value: Application[K]): void {
  Object.defineProperty(app, method, { value, configurable: true, writable: true })
}

/**
 * Keeps an accessor of the context: who takes it later, as koa-session does, is refused when the application starts,
 * because requests would see another session than the one that is kept here.
 */
export function keepOwn(app: Application, property: string, refusal: string): void {
  const { get } = Object.getOwnPropertyDescriptor(app.context, property)!
  const assertOurs = () => {
    if (Object.getOwnPropertyDescriptor(app.context, property)?.get !== get) throw new SessionUsageError(refusal)
  }
  const { use, callback } = app
  override(app, 'use', (later) => {
    assertOurs()
    return use.call(app, later)
  })
  override(app, 'callback', () => {
    assertOurs()
    return callback.call(app)
  })
}
