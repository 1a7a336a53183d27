/**
 * Atomic sessions for Koa: a change is a command that the database applies.
 *
 * @module koa-atomic-session
 */

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
} from './algebra/index.ts'
export type { ChainForAll, UpdateAllOptions } from './api/all.ts'
export type { ChainAt, SessionAt } from './api/at.ts'
export type { Call } from './api/call.ts'
export type { PushOptions } from './api/commands.ts'
export type { FindOptions, FoundSession, FoundSessions } from './api/found.ts'
export type { Minted, MintOptions } from './api/mint.ts'
export type { Sessions } from './api/sessions.ts'
export type { LoadedSession, Session, SessionChain, SessionHandle } from './api/types.ts'
export type { SessionUse } from './api/use.ts'
export type { Bytes } from './contract/bytes.ts'
export type * from './contract/device.ts'
export type * from './contract/store.ts'
export type { Keys, Signer } from './cookie/keys.ts'
export type { DestroyOptions, SiteData } from './cookie/site-data.ts'
export { key } from './data/key.ts'
export type { OutputOf, StandardSchema } from './data/schema.ts'
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
} from './data/types.ts'
export type { SessionEvent } from './diagnostics/events.ts'
export type { Subject } from './diagnostics/subject.ts'
export type { StoreCall } from './diagnostics/tracing.ts'
export * from './errors/index.ts'
export {
  atomicSession,
  atomicSession as default,
  type CsrfOptions,
  type KoaContext,
  type KoaSessions,
  type SessionContext,
  type SessionFunction,
} from './koa/index.ts'
export type { Duration } from './settings/duration.ts'
export type {
  Adopted,
  ClearCookie,
  ClientDescription,
  Handover,
  LimitOptions,
  OldPlace,
  SessionOptions,
} from './settings/options.ts'
export type { Size } from './settings/size.ts'
export type { RotateOptions } from './visit/step.ts'
