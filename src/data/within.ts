import { indexOf, type Path } from '../algebra/index.ts'
import type { StandardSchema } from './standard.ts'

/**
 * What a schema has at a place: the schema of that place; `nothing`, where no value can be; `dropped`, an unknown key
 * that the schema strips; `anything`, of which it says nothing. Undefined where it can't be told.
 */
export type Within = StandardSchema | 'nothing' | 'dropped' | 'anything' | undefined

/**
 * Looks a place up in a schema of zod, valibot or arktype by their own descriptions. A standard schema judges only
 * whole values and gives no output while a field is missing, and a session is never whole from its start.
 *
 * An object that is transformed or refined into something else as a whole, or is one of several, is not looked into.
 */
export function within(schema: StandardSchema, path: Path): Within {
  let at: Within = schema
  for (const key of path) {
    if (typeof at === 'string' || at === undefined) return at
    at = STEPS[vendorOf(at)]?.(at, key)
  }
  return at
}

const vendorOf = (schema: StandardSchema): string => String((schema['~standard'] as { vendor?: unknown }).vendor)

// biome-ignore lint/suspicious/noExplicitAny: each library's own description of a schema
type Described = any

const STEPS: Readonly<Record<string, (schema: Described, key: string) => Within>> = { zod, valibot, arktype }

/** https://zod.dev/library-authors */
function zod(schema: Described, key: string): Within {
  const def = schema._zod?.def
  switch (def?.type) {
    case 'object': {
      if (Object.hasOwn(def.shape, key)) return def.shape[key]
      if (def.catchall === undefined) return 'dropped'
      return def.catchall._zod.def.type === 'never' ? 'nothing' : def.catchall
    }
    case 'record':
      return keeps(def.keyType, key) ? def.valueType : 'nothing'
    case 'array':
      return indexOf(key) < 0 ? 'nothing' : def.element
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'default':
    case 'prefault':
    case 'readonly':
      return zod(def.innerType, key)
    case 'union':
      return oneOf(def.options.map((option: Described) => zod(option, key)))
    case 'intersection':
      return onlyOf([zod(def.left, key), zod(def.right, key)])
    case 'lazy':
      return zod(def.getter(), key)
    case 'any':
    case 'unknown':
      return 'anything'
    default:
      return ZOD_LEAVES.has(def?.type) ? 'nothing' : undefined
  }
}

const ZOD_LEAVES = new Set(
  'string number boolean date null undefined void bigint symbol nan enum literal template_literal never'.split(' '),
)

/** https://valibot.dev/guides/internal-architecture */
function valibot(schema: Described, key: string): Within {
  if (schema.pipe?.some(({ kind, type }: Described) => kind === 'transformation' && type !== 'readonly'))
    return undefined
  if (schema.pipe?.some((item: Described, i: number) => i > 0 && item.kind === 'schema')) return undefined
  const { type } = schema
  if (type === 'lazy') return valibot(schema.getter({}), key)
  if (schema.wrapped) return valibot(schema.wrapped, key)
  if (schema.entries) {
    if (Object.hasOwn(schema.entries, key)) return schema.entries[key]
    if (type === 'strict_object') return 'nothing'
    return type === 'loose_object' ? 'anything' : type === 'object_with_rest' ? schema.rest : 'dropped'
  }
  if (type === 'record') return keeps(schema.key, key) ? schema.value : 'nothing'
  if (type === 'array') return indexOf(key) < 0 ? 'nothing' : schema.item
  if (type === 'any' || type === 'unknown') return 'anything'
  if (type === 'union' || type === 'variant')
    return oneOf(schema.options.map((option: Described) => valibot(option, key)))
  if (type === 'intersect') return onlyOf(schema.options.map((option: Described) => valibot(option, key)))
  return VALIBOT_LEAVES.has(type) ? 'nothing' : undefined
}

const VALIBOT_LEAVES = new Set(
  'string number boolean date null undefined void bigint symbol nan enum picklist literal never'.split(' '),
)

/** https://arktype.io/docs/type-api, `get` and `internal` */
function arktype(schema: Described, key: string): Within {
  return oneOf(schema.internal.branches.map((node: Described) => arktypeBranch(node, key)))
}

function arktypeBranch(node: Described, key: string): Within {
  if (node.kind === 'morph') return undefined
  if (node.expression === 'unknown' || node.expression === 'object') return 'anything'
  const { structure } = node
  if (!structure || (structure.sequence && indexOf(key) < 0)) return 'nothing'
  try {
    return node.get(key)
  } catch {
    if (structure.sequence || structure.undeclared === 'reject') return 'nothing'
    return structure.undeclared === 'delete' ? 'dropped' : 'anything'
  }
}

/** Of one of several: what the only one that can have something here says of it. */
function oneOf(parts: readonly Within[]): Within {
  const having = parts.filter((part) => part !== 'nothing')
  return having.length === 0 ? 'nothing' : having.length === 1 ? having[0] : undefined
}

/** Of objects that are one together: what the only one that has this key says of it. */
function onlyOf(parts: readonly Within[]): Within {
  const having = parts.filter((part) => part !== 'dropped')
  return having.length === 0 ? 'dropped' : having.length === 1 ? having[0] : undefined
}

/** A record of the schema has this key, as it is; one of numbers is asked for the number. */
function keeps(keys: StandardSchema, key: string): boolean {
  return [key, Number(key)].some((form) => {
    const { issues, value } = keys['~standard'].validate(form) as {
      readonly issues?: unknown
      readonly value?: unknown
    }
    return !issues && String(value) === key
  })
}
