import { type CommandName, commands } from '../algebra/index.ts'

/**
 * What your sessions hold. Augment it once, and every `ctx.session()` knows its fields:
 *
 * ```ts
 * declare module 'koa-atomic-session' {
 *   interface SessionData { user_id: number; views: number; seen: string[] }
 * }
 * ```
 *
 * Empty, as here, it means that a session may hold anything.
 */
// biome-ignore lint/suspicious/noEmptyInterface: it is there to be augmented
export interface SessionData {}

/** Names that the session itself uses. No data can have them at the top, neither by type nor at run time. */
export type ReservedName = (typeof OWN)[number] | CommandName

/** What the session has besides its commands, and the commands that are another's second form. */
const OWN = [
  'id',
  'created',
  'expires',
  'maxAge',
  'isNew',
  'data',
  'authAt',
  'toJSON',
  'then',
  'catch',
  'finally',
  'pushAll',
  'if',
  'ifMissing',
  'takeIf',
  'update',
  'touch',
  'rotate',
  'destroy',
  'regenerate',
  'createCSRF',
  'assertCSRF',
  'requireFresh',
  'bound',
  'requireBound',
] as const

export const RESERVED: readonly string[] = [...OWN, ...Object.keys(commands)]

/**
 * Where the data keeps what the option `client` returns. No application's command reaches it, and it is shown to none.
 */
export const CLIENT = '@client'

const reserved: ReadonlySet<string> = new Set([...RESERVED, CLIENT])

export function isReserved(key: string): boolean {
  return reserved.has(key)
}

/** The fields of `D`; anything at all where `D` names none. */
// biome-ignore lint/suspicious/noExplicitAny: the fields of sessions that nobody has described
export type Fields<D> = keyof D extends never ? { [key: string]: any } : D

/** Fails to compile where `D` has a reserved name. */
export type Unreserved<D> = { [K in keyof D]: K extends ReservedName ? never : D[K] }

/** What is under a key of a value; never where nothing can be, and anything under what is not described. */
type Child<T, K extends string> = unknown extends T
  ? // biome-ignore lint/suspicious/noExplicitAny: what nobody has described
    any
  : T extends string | number | boolean | null | undefined | Date | { readonly _bsontype: string }
    ? never
    : T extends readonly (infer E)[]
      ? K extends `${number}`
        ? E
        : never
      : K extends keyof T
        ? T[K]
        : string extends keyof T
          ? T[keyof T]
          : never

/** What `D` has at a path: `At<Shop, 'cart.0.qty'>` is number. */
export type At<D, P extends string> = Within<Fields<D>, P>
type Within<T, P extends string> = P extends `${infer K}.${infer Rest}` ? Within<Child<T, K>, Rest> : Child<T, P>

/**
 * A path as an argument: itself where `D` has a `V` there, else a text that says what is wrong with it. A path that is
 * not known yet, as while it is typed, may be any field that holds a `V`.
 */
export type Place<D, P extends string, V = unknown, What extends string = 'value'> = '' extends P
  ? Holding<D, V>
  : P extends ReservedName | `${ReservedName}.${string}`
    ? `${P} is the session's own`
    : [At<D, P>] extends [never]
      ? `nothing can be at ${P}`
      : Suits<At<D, P>, V> extends true
        ? P
        : `${P} holds no ${What}`

/** A path to rename to: itself where `D` has there what it has at `From`. */
export type Target<D, P extends string, From extends string> =
  Place<D, P> extends P
    ? Suits<At<D, From>, At<D, P>> extends true
      ? P
      : `${P} holds no such value as ${From}`
    : Place<D, P>

type Suits<T, V> = unknown extends T ? true : unknown extends V ? true : [NonNullable<T>] extends [V] ? true : false

/** The fields that hold a `V`. */
type Holding<D, V> = {
  [K in keyof Fields<D> & string]-?: Suits<Fields<D>[K], V> extends true ? K : never
}[keyof Fields<D> & string]

/**
 * Several values by their paths: what each path has, or a text that says why nothing can be there. A key that is
 * computed, `{ [path]: value }`, is known only when it runs, so any value fits it; the fields beside it are still
 * checked.
 */
export type Assignments<D, P extends string> = string extends P
  ? { readonly [path: string]: unknown } & { readonly [K in keyof Fields<D>]?: Fields<D>[K] }
  : { readonly [K in P]?: Place<D, K> extends K ? At<D, K> : Place<D, K> }

/** What a number or a date at a path is compared with: its like. */
export type Comparable<D, P extends string> = unknown extends At<D, P> ? number | Date : NonNullable<At<D, P>>

/** An element of the list at a path. */
export type ElementAt<D, P extends string> =
  unknown extends At<D, P>
    ? // biome-ignore lint/suspicious/noExplicitAny: what nobody has described
      any
    : NonNullable<At<D, P>> extends readonly (infer E)[]
      ? E
      : never

/** What `pull` takes for an element: itself, or some fields of an object. */
export type Pulled<E> = E extends Date | readonly unknown[] | { readonly _bsontype: string }
  ? E
  : E extends object
    ? Partial<E>
    : E

/** A value and all within it, read-only. */
export type DeepReadonly<T> = T extends Date | string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer E)[]
    ? readonly DeepReadonly<E>[]
    : T extends { readonly _bsontype: string }
      ? T
      : T extends object
        ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
        : T

/** The data of a session: every field may be missing, because no session has them from its start. */
export type SessionView<D> = { readonly [K in keyof Fields<D>]?: DeepReadonly<Fields<D>[K]> }
