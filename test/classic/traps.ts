import fc from 'fast-check'
import {
  type Chain,
  commands,
  condition,
  type Data,
  EMPTY_CHAIN,
  extend,
  onlyIf,
  printPath,
} from '../../src/algebra/index.ts'
import { copyOut, type Kept, kept, type Origins } from '../../src/classic/json.ts'

/** The chain as an application would write it, so that every check of a chain is made. */
export function written(chain: Chain): Chain {
  let result = EMPTY_CHAIN
  for (const { path, value } of chain.conditions) result = onlyIf(result, condition(printPath(path), value))
  for (const command of chain.commands) {
    const path = printPath(command.path)
    switch (command.kind) {
      case 'set':
        result = extend(result, [commands.set(path, command.value)])
        break
      case 'unset':
        result = extend(result, [commands.unset(path)])
        break
      case 'inc':
        result = extend(result, [commands.inc(path, command.by)])
        break
      case 'push':
        result = extend(result, [commands.push(path, command.values, command.slice)])
        break
      case 'pullAll':
        result = extend(result, [commands.pullAll(path, command.values)])
        break
      default:
        throw new Error(`a difference has no ${command.kind}`)
    }
  }
  return result
}

/** A session as a handler holds it, and what its changes come to. */
export class Copy {
  readonly #origins: Origins = new Map()
  // biome-ignore lint/suspicious/noExplicitAny: whatever a handler does with it
  readonly object: any

  constructor(before: Data) {
    this.object = copyOut(before, this.#origins)
  }

  /** What is to be kept, and what its objects were. */
  state(): { after: Data; origin: (later: object) => ReturnType<Origins['get']> } {
    const all: Kept = []
    const after = kept(this.object, [], this.#origins, all) as Data
    const made = new Map(all.map(([raw, value]) => [value, this.#origins.get(raw)]))
    return { after, origin: (later) => made.get(later as never) ?? (this.#origins.get(later) as never) }
  }
}

type Mutation = (root: Record<string, unknown>, random: (below: number) => number, value: () => unknown) => void

/** Everything within a document that has parts, the document first. */
function parts(value: unknown, found: unknown[] = [], seen = new Set()): unknown[] {
  if (typeof value !== 'object' || value === null || seen.has(value)) return found
  seen.add(value)
  found.push(value)
  if (!(value instanceof Date)) for (const part of Object.values(value)) parts(part, found, seen)
  return found
}

const pick = (list: readonly unknown[], random: (below: number) => number) => list[random(list.length)]

// biome-ignore lint/suspicious/noExplicitAny: whatever a handler does with it
const inObject: ((o: any, random: (below: number) => number, value: () => unknown) => void)[] = [
  (o, random, value) => {
    o[pick([...Object.keys(o), 'new', 'x.y', '$z', ''], random) as string] = value()
  },
  (o, random) => {
    delete o[pick(Object.keys(o), random) as string]
  },
  (o, random) => {
    const key = pick(Object.keys(o), random) as string
    if (typeof o[key] === 'number') o[key] += 1
  },
  // Another object with the same fields, as after a form.
  (o, random) => {
    const key = pick(Object.keys(o), random) as string
    if (key !== undefined && !(o[key] instanceof Date)) o[key] = structuredClone(o[key])
  },
  // One object in two places.
  (o, random) => {
    const [from, to] = [pick(Object.keys(o), random), pick([...Object.keys(o), 'twin'], random)] as string[]
    if (from !== undefined) o[to!] = o[from]
  },
]
// biome-ignore lint/suspicious/noExplicitAny: whatever a handler does with it
const inList: ((l: any[], random: (below: number) => number, value: () => unknown) => void)[] = [
  (l, _, value) => void l.push(value()),
  (l, _, value) => void l.push(value(), value()),
  (l) => void l.shift(),
  (l) => void l.pop(),
  (l, _, value) => void l.unshift(value()),
  (l, random) => void l.splice(random(l.length + 1), 1),
  (l, random, value) => void l.splice(random(l.length + 1), 1, value()),
  (l) => void l.reverse(),
  (l, _, value) => {
    l.push(value())
    l.shift()
  },
  (l, random, value) => {
    if (l.length > 0) l[random(l.length)] = value()
  },
]

const mutate: Mutation = (root, random, value) => {
  const part = pick(parts(root), random)
  if (part instanceof Date) part.setTime(part.getTime() + 1)
  else if (Array.isArray(part)) (pick(inList, random) as (typeof inList)[number])(part, random, value)
  else (pick(inObject, random) as (typeof inObject)[number])(part, random, value)
}

/** Several changes, drawn when they are made, because each depends on what the earlier ones have left. */
export function change(root: Record<string, unknown>, gen: fc.GeneratorValue, value: fc.Arbitrary<unknown>): void {
  const count = gen(fc.nat, { max: 4 })
  for (let i = 0; i < count; i++) {
    mutate(
      root,
      (below) => (below <= 1 ? 0 : gen(fc.nat, { max: below - 1 })),
      () => gen(() => value),
    )
  }
}
