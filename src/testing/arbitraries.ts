import fc from 'fast-check'
import type { Data } from '../algebra/index.ts'

/** Few keys, so commands meet each other's results; quotes, digits and other alphabets among them. */
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
export const number = anyNumber.map((n) => n + 0)
const date = fc.integer({ min: -1e12, max: 4e12 }).map((time) => new Date(time))
const text = fc.oneof(
  fc.constantFrom('', 'x', 'y', '$date', '{"$date":1}', "'", '\u2028', '\\u0041', '😀'),
  fc.string({ unit: 'grapheme', maxLength: 6 }).filter((s) => s.isWellFormed() && !s.includes('\0')),
)
/** Some stores keep what is large apart from what is small. */
const long = fc.integer({ min: 240, max: 1500 }).map((length) => 'é"'.repeat(length / 3))
const scalar = fc.oneof(
  { weight: 6, arbitrary: number },
  { weight: 2, arbitrary: text },
  { weight: 2, arbitrary: fc.boolean() },
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: date },
  long,
)

/** Documents three levels deep, with the same few keys at each level. */
export const { value } = fc.letrec<{ value: unknown; list: unknown[]; object: Record<string, unknown> }>((tie) => ({
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

export const path = fc.array(key, { minLength: 1, maxLength: 3 }).map((keys) => keys.join('.'))
export const values = fc.array(value, { maxLength: 3 })
export const comparable = fc.oneof({ weight: 3, arbitrary: number }, date)
