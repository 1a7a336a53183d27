/**
 * Atomic sessions for Koa: a change is a command that the database applies.
 *
 * @module koa-atomic-session
 */
export type { Call } from './call.ts'
export type { SessionChain } from './chain.ts'
export type {
  BsonValue,
  Chain,
  Command,
  CommandName,
  Condition,
  Data,
  Found,
  List,
  Path,
  Problem,
  Value,
} from './command/index.ts'
export type { PushOptions } from './commands.ts'
export type { Keys } from './credential.ts'
export type {
  Assignments,
  At,
  Comparable,
  DeepReadonly,
  ElementAt,
  Fields,
  Place,
  Pulled,
  ReservedName,
  SessionData,
  SessionView,
  Target,
  Unreserved,
} from './data.ts'
export type { Duration } from './duration.ts'
export * from './errors.ts'
export type { SessionEvent } from './events.ts'
export type { SessionHandle } from './handle.ts'
export {
  atomicSession,
  atomicSession as default,
  type CsrfOptions,
  type KoaContext,
  type KoaSessions,
  type SessionContext,
  type SessionFunction,
} from './koa.ts'
export type { Adopted, SessionOptions } from './options.ts'
export type { OutputOf, StandardSchema } from './schema.ts'
export type { LoadedSession, Session } from './session.ts'
export type { FoundSession, Sessions } from './sessions.ts'
export type { RotateOptions } from './step.ts'
export type * from './store.ts'
export type { StoreCall } from './tracing.ts'
