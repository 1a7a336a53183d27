import fc from 'fast-check'
import {
  type Chain,
  type Command,
  type Condition,
  commands,
  type Data,
  EMPTY_CHAIN,
  extend,
  onlyIf,
  Refusal,
} from '../command/index.ts'

/** Few keys, so that commands meet each other's results; quotes, digits and other alphabets among them. */
const key = fc.constantFrom('a', 'b', 'c', '0', '1', '2', '10', `q'"\\`, 'é', '名')

const anyNumber = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -5, max: 9 }) },
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
  fc.constantFrom(
    0.1,
    0.2,
    1e21,
    1.7e308,
    -1.7e308,
    5e-324,
    2147483647,
    2147483648,
    9007199254740991,
    9007199254740992,
  ),
)
/** No session holds -0: a document has passed the same checks as a command's values. */
const number = anyNumber.map((n) => n + 0)
const date = fc.integer({ min: -1e12, max: 4e12 }).map((time) => new Date(time))
const text = fc.oneof(
  fc.constantFrom('', 'x', 'y', '$date', '{"$date":1}', "'", '\u2028', '\\u0041', '😀'),
  fc.string({ unit: 'grapheme', maxLength: 6 }).filter((s) => s.isWellFormed() && !s.includes('\0')),
)
const scalar = fc.oneof({ weight: 3, arbitrary: number }, text, fc.boolean(), fc.constant(null), date)

/** Documents three levels deep, with the same few keys at each level. */
const { value } = fc.letrec<{ value: unknown; list: unknown[]; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 4, arbitrary: scalar },
    { weight: 3, arbitrary: tie('list') },
    { weight: 3, arbitrary: tie('object') },
  ),
  list: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}))

export const document: fc.Arbitrary<Data> = fc.dictionary(key, value, {
  maxKeys: 5,
  noNullPrototype: true,
}) as fc.Arbitrary<Data>

const path = fc.array(key, { minLength: 1, maxLength: 3 }).map((keys) => keys.join('.'))
const values = fc.array(value, { maxLength: 3 })
const comparable = fc.oneof({ weight: 3, arbitrary: number }, date)

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.tuple(path, value).map(([at, v]) => commands.set(at, v)),
  path.map((at) => commands.unset(at)),
  fc.tuple(path, number).map(([at, n]) => commands.inc(at, n)),
  fc.tuple(path, number).map(([at, n]) => commands.mul(at, n)),
  fc.tuple(path, comparable).map(([at, v]) => commands.min(at, v)),
  fc.tuple(path, comparable).map(([at, v]) => commands.max(at, v)),
  fc.tuple(path, path).map(([from, to]) => commands.rename(from, to)),
  fc.tuple(path, values).map(([at, vs]) => commands.push(at, vs)),
  fc.tuple(path, values, fc.integer({ min: -3, max: 3 })).map(([at, vs, slice]) => commands.push(at, vs, slice)),
  fc.tuple(path, values).map(([at, vs]) => commands.addToSet(at, vs)),
  fc.tuple(path, value).map(([at, v]) => commands.pull(at, v)),
  fc.tuple(path, values).map(([at, vs]) => commands.pullAll(at, vs)),
  fc.tuple(path, fc.constantFrom(1, -1)).map(([at, end]) => commands.pop(at, end)),
  path.map((at) => commands.currentDate(at)),
  path.map((at) => commands.take(at)),
)

const condition: fc.Arbitrary<Condition> = fc
  .tuple(path, fc.oneof(value, fc.constant(undefined)))
  .map(([at, v]) => commands.condition(at, v))

/** Chains of commands that don't touch each other's places, now and then under a condition, with one `take` at most. */
export const chain: fc.Arbitrary<Chain> = fc
  .tuple(
    fc.array(command, { minLength: 1, maxLength: 4 }),
    fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, fc.array(condition, { maxLength: 2 })),
  )
  .map(([candidates, conditions]) => {
    let built = EMPTY_CHAIN
    for (const candidate of candidates) {
      if (candidate.kind === 'take' && built.commands.some(({ kind }) => kind === 'take')) continue
      try {
        built = extend(built, [candidate])
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
      }
    }
    return conditions.reduce(onlyIf, built)
  })
  .filter(({ commands: list }) => list.length > 0)
