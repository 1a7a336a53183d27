import fc from 'fast-check'
import { type Command, type CommandName, commands, type Data, type Found } from '../algebra/index.ts'
import { comparable, number, path, value, values } from './arbitraries.ts'

/** One command on one document, and what must come of it: the data, or what stands in its way. */
export interface Example {
  readonly says: string
  readonly before: Data
  readonly command: Command
  readonly after: Data | { readonly refused: CommandName; readonly path: string; readonly found: Found }
}

const day = (n: number) => new Date(Date.UTC(2024, 0, n))
const refused = (command: CommandName, path: string, found: Found) => ({ refused: command, path, found })
const { set, unset, inc, mul, min, max, rename, push, addToSet, pull, pullAll, pop, currentDate, take } = commands

/**
 * What MongoDB's manual shows of each operator, and the edges at which databases differ. This list is why the file has over 300
 * lines: one that is read as a whole is checked as a whole.
 */
export const EXAMPLES: readonly Example[] = [
  { says: 'set replaces', before: { a: 1 }, command: set('a', 'x'), after: { a: 'x' } },
  { says: 'set creates parents', before: {}, command: set('a.b.c', 1), after: { a: { b: { c: 1 } } } },
  {
    says: 'set creates an object for a number in a missing parent',
    before: {},
    command: set('a.0', 1),
    after: { a: { '0': 1 } },
  },
  { says: 'set writes an element', before: { l: [1, 2] }, command: set('l.1', 9), after: { l: [1, 9] } },
  { says: 'set pads a list with null', before: { l: [1] }, command: set('l.3', 9), after: { l: [1, null, null, 9] } },
  {
    says: 'set reaches into an element',
    before: { l: [{ q: 1 }] },
    command: set('l.0.q', 2),
    after: { l: [{ q: 2 }] },
  },
  {
    says: 'set keeps an empty list and an empty object',
    before: {},
    command: set('a', { l: [], o: {} }),
    after: { a: { l: [], o: {} } },
  },
  { says: 'set keeps null', before: {}, command: set('a', null), after: { a: null } },
  { says: 'set keeps a date', before: {}, command: set('a', day(1)), after: { a: day(1) } },
  {
    says: 'set does not go through a scalar',
    before: { a: 1 },
    command: set('a.b', 1),
    after: refused('set', 'a.b', 'number'),
  },
  {
    says: 'set does not go through null',
    before: { a: null },
    command: set('a.b', 1),
    after: refused('set', 'a.b', 'null'),
  },
  {
    says: 'set does not go through a date',
    before: { a: day(1) },
    command: set('a.b', 1),
    after: refused('set', 'a.b', 'date'),
  },
  {
    says: 'set takes no name on a list',
    before: { l: [] },
    command: set('l.x', 1),
    after: refused('set', 'l.x', 'list'),
  },
  {
    says: 'set takes no padded number on a list',
    before: { l: [1] },
    command: set('l.00', 1),
    after: refused('set', 'l.00', 'list'),
  },
  {
    says: 'set does not pad without end',
    before: { l: [1] },
    command: set('l.99999', 1),
    after: refused('set', 'l.99999', 'a list that ends far before this index'),
  },
  {
    says: 'set takes a large number as a key of an object',
    before: { o: {} },
    command: set('o.99999', 1),
    after: { o: { '99999': 1 } },
  },
  { says: 'set takes quotes as part of a key', before: {}, command: set(`a'b"c\\d`, 1), after: { 'a\'b"c\\d': 1 } },
  { says: 'unset removes', before: { a: 1, b: 2 }, command: unset('a'), after: { b: 2 } },
  { says: 'unset leaves the parent', before: { a: { b: 1 } }, command: unset('a.b'), after: { a: {} } },
  { says: 'unset leaves null in a list', before: { l: [1, 2, 3] }, command: unset('l.1'), after: { l: [1, null, 3] } },
  { says: 'unset passes over what is missing', before: { a: 1 }, command: unset('b.c'), after: { a: 1 } },
  { says: 'unset passes over a scalar parent', before: { a: 1 }, command: unset('a.b'), after: { a: 1 } },
  { says: 'unset passes over an index past the end', before: { l: [1] }, command: unset('l.5'), after: { l: [1] } },
  { says: 'take removes', before: { flash: 'hi', b: 2 }, command: take('flash'), after: { b: 2 } },
  { says: 'inc adds', before: { n: 1 }, command: inc('n', 2), after: { n: 3 } },
  { says: 'inc begins at 0', before: {}, command: inc('a.n'), after: { a: { n: 1 } } },
  { says: 'inc computes doubles', before: { n: 0.1 }, command: inc('n', 0.2), after: { n: 0.30000000000000004 } },
  { says: 'inc passes 32 bits', before: { n: 2147483647 }, command: inc('n'), after: { n: 2147483648 } },
  { says: 'inc keeps 16 digits', before: { n: 9007199254740990 }, command: inc('n'), after: { n: 9007199254740991 } },
  {
    says: 'mul rounds a product of large integers as a double',
    before: { n: 2147483647 },
    command: mul('n', 2147483647),
    after: { n: 2147483647 * 2147483647 },
  },
  {
    says: 'inc rounds past 53 bits as a double',
    before: { n: 9007199254740992 },
    command: inc('n'),
    after: { n: 9007199254740992 },
  },
  { says: 'inc leaves no negative zero', before: { n: -1 }, command: inc('n', 1), after: { n: 0 } },
  { says: 'inc refuses a string', before: { n: '1' }, command: inc('n'), after: refused('inc', 'n', 'string') },
  { says: 'inc refuses null', before: { n: null }, command: inc('n'), after: refused('inc', 'n', 'null') },
  { says: 'inc refuses a list', before: { n: [1] }, command: inc('n'), after: refused('inc', 'n', 'list') },
  {
    says: 'inc refuses to overflow',
    before: { n: 1.7e308 },
    command: inc('n', 1.7e308),
    after: refused('inc', 'n', 'a result that is no finite number'),
  },
  { says: 'mul multiplies', before: { n: 2.5 }, command: mul('n', 3), after: { n: 7.5 } },
  { says: 'mul makes 0 of nothing', before: {}, command: mul('n', 3), after: { n: 0 } },
  { says: 'mul leaves no negative zero', before: { n: 0 }, command: mul('n', -3), after: { n: 0 } },
  {
    says: 'mul passes 63 bits as a double',
    before: { n: 4294967296 },
    command: mul('n', 2147483647),
    after: { n: 9223372032559809000 },
  },
  {
    says: 'set takes a key that begins with a sign',
    before: {},
    command: set('@client', { agent: 'Firefox', network: '2001:db8:7::/48' }),
    after: { '@client': { agent: 'Firefox', network: '2001:db8:7::/48' } },
  },
  { says: 'mul refuses a boolean', before: { n: true }, command: mul('n', 3), after: refused('mul', 'n', 'boolean') },
  { says: 'min keeps the smaller', before: { n: 5 }, command: min('n', 7), after: { n: 5 } },
  { says: 'min takes the smaller', before: { n: 5 }, command: min('n', 3), after: { n: 3 } },
  { says: 'min sets what is missing', before: {}, command: min('n', 3), after: { n: 3 } },
  { says: 'min compares dates', before: { d: day(2) }, command: min('d', day(1)), after: { d: day(1) } },
  {
    says: 'min refuses a date for a number',
    before: { n: 5 },
    command: min('n', day(1)),
    after: refused('min', 'n', 'number'),
  },
  { says: 'min refuses null', before: { n: null }, command: min('n', 1), after: refused('min', 'n', 'null') },
  {
    says: 'min refuses a list of numbers',
    before: { n: [9] },
    command: min('n', 1),
    after: refused('min', 'n', 'list'),
  },
  { says: 'max takes the larger', before: { n: 5 }, command: max('n', 7), after: { n: 7 } },
  { says: 'max keeps the larger date', before: { d: day(2) }, command: max('d', day(1)), after: { d: day(2) } },
  { says: 'max refuses a string', before: { n: 'a' }, command: max('n', 7), after: refused('max', 'n', 'string') },
  { says: 'rename moves', before: { a: { x: 1 } }, command: rename('a', 'b.c'), after: { b: { c: { x: 1 } } } },
  { says: 'rename replaces its target', before: { a: 1, b: 2 }, command: rename('a', 'b'), after: { b: 1 } },
  { says: 'rename passes over what is missing', before: { b: 2 }, command: rename('a', 'b'), after: { b: 2 } },
  { says: 'rename passes over a scalar parent', before: { a: 1 }, command: rename('a.x', 'b'), after: { a: 1 } },
  {
    says: 'rename moves no element',
    before: { l: [1] },
    command: rename('l.0', 'b'),
    after: refused('rename', 'l.0', 'element'),
  },
  {
    says: 'rename makes no element',
    before: { a: 1, l: [1] },
    command: rename('a', 'l.0'),
    after: refused('rename', 'a', 'element'),
  },
  {
    says: 'rename does not go through a scalar',
    before: { a: 1, b: 's' },
    command: rename('a', 'b.c'),
    after: refused('rename', 'a', 'string'),
  },
  { says: 'push appends', before: { l: [1] }, command: push('l', [2, [3]]), after: { l: [1, 2, [3]] } },
  { says: 'push begins a list', before: {}, command: push('a.l', [{ q: 1 }]), after: { a: { l: [{ q: 1 }] } } },
  { says: 'push keeps the last', before: { l: [1, 2, 3] }, command: push('l', [4], -2), after: { l: [3, 4] } },
  { says: 'push keeps the first', before: { l: [1, 2, 3] }, command: push('l', [4], 2), after: { l: [1, 2] } },
  { says: 'push keeps none', before: { l: [1] }, command: push('l', [4], 0), after: { l: [] } },
  { says: 'push of nothing begins an empty list', before: {}, command: push('l', []), after: { l: [] } },
  { says: 'push refuses a scalar', before: { l: 1 }, command: push('l', [1]), after: refused('push', 'l', 'number') },
  { says: 'push refuses null', before: { l: null }, command: push('l', [1]), after: refused('push', 'l', 'null') },
  {
    says: 'addToSet adds what is new',
    before: { l: [1, 'a'] },
    command: addToSet('l', ['a', 'b', 'b']),
    after: { l: [1, 'a', 'b'] },
  },
  { says: 'addToSet begins a list', before: {}, command: addToSet('l', [1, 1]), after: { l: [1] } },
  {
    says: 'addToSet ignores the order of keys',
    before: { l: [{ a: 1, b: [2] }] },
    command: addToSet('l', [{ b: [2], a: 1 }]),
    after: { l: [{ a: 1, b: [2] }] },
  },
  {
    says: 'addToSet tells a number from text',
    before: { l: [1] },
    command: addToSet('l', ['1']),
    after: { l: [1, '1'] },
  },
  {
    says: 'addToSet knows equal dates',
    before: { l: [day(1)] },
    command: addToSet('l', [day(1), day(2)]),
    after: { l: [day(1), day(2)] },
  },
  {
    says: 'addToSet refuses an object',
    before: { l: {} },
    command: addToSet('l', [1]),
    after: refused('addToSet', 'l', 'object'),
  },
  { says: 'pull removes all that are equal', before: { l: [1, 2, 1] }, command: pull('l', 1), after: { l: [2] } },
  {
    says: 'pull removes only null for null',
    before: { l: [null, 0, {}] },
    command: pull('l', null),
    after: { l: [0, {}] },
  },
  { says: 'pull does not look into lists', before: { l: [[1], 1] }, command: pull('l', 1), after: { l: [[1]] } },
  {
    says: 'pull removes an equal list',
    before: {
      l: [
        [1, 2],
        [2, 1],
      ],
    },
    command: pull('l', [1, 2]),
    after: { l: [[2, 1]] },
  },
  {
    says: 'pull removes the objects that have these fields',
    before: { l: [{ id: 1, q: 1 }, { id: 2 }, 1] },
    command: pull('l', { id: 1 }),
    after: { l: [{ id: 2 }, 1] },
  },
  {
    says: 'pull compares fields whole',
    before: { l: [{ t: [1, 2] }, { t: 1 }] },
    command: pull('l', { t: 1 }),
    after: { l: [{ t: [1, 2] }] },
  },
  {
    says: 'pull tells null from missing',
    before: { l: [{ a: null }, {}] },
    command: pull('l', { a: null }),
    after: { l: [{}] },
  },
  {
    says: 'pull ignores the order of keys within a field',
    before: { l: [{ a: { x: 1, y: 2 } }] },
    command: pull('l', { a: { y: 2, x: 1 } }),
    after: { l: [] },
  },
  { says: 'pull passes over what is missing', before: {}, command: pull('l', 1), after: {} },
  {
    says: 'pull refuses a string',
    before: { l: 'abc' },
    command: pull('l', 'a'),
    after: refused('pull', 'l', 'string'),
  },
  {
    says: 'pullAll removes each of the values',
    before: { l: [1, 2, 3, 1] },
    command: pullAll('l', [1, 3]),
    after: { l: [2] },
  },
  {
    says: 'pullAll compares whole objects in any order of keys',
    before: { l: [{ a: 1, b: 2 }, { a: 1 }] },
    command: pullAll('l', [{ b: 2, a: 1 }]),
    after: { l: [{ a: 1 }] },
  },
  {
    says: 'pullAll refuses a number',
    before: { l: 1 },
    command: pullAll('l', [1]),
    after: refused('pullAll', 'l', 'number'),
  },
  { says: 'pop removes the last', before: { l: [1, 2] }, command: pop('l'), after: { l: [1] } },
  { says: 'pop removes the first', before: { l: [1, 2] }, command: pop('l', -1), after: { l: [2] } },
  { says: 'pop leaves an empty list', before: { l: [1] }, command: pop('l'), after: { l: [] } },
  { says: 'pop passes over an empty list', before: { l: [] }, command: pop('l'), after: { l: [] } },
  { says: 'pop passes over what is missing', before: {}, command: pop('a.l'), after: {} },
  { says: 'pop passes over a scalar parent', before: { a: 1 }, command: pop('a.l'), after: { a: 1 } },
  { says: 'pop refuses an object', before: { l: {} }, command: pop('l'), after: refused('pop', 'l', 'object') },
]

const slice = fc.option(fc.integer({ min: -3, max: 3 }), { nil: undefined })

/** How each command is drawn for the differential test, at paths and with values that the others are drawn with too. */
export const RANDOM: Record<CommandName, fc.Arbitrary<Command>> = {
  set: fc.tuple(path, value).map(([at, v]) => set(at, v)),
  unset: path.map((at) => unset(at)),
  inc: fc.tuple(path, number).map(([at, n]) => inc(at, n)),
  mul: fc.tuple(path, number).map(([at, n]) => mul(at, n)),
  min: fc.tuple(path, comparable).map(([at, v]) => min(at, v)),
  max: fc.tuple(path, comparable).map(([at, v]) => max(at, v)),
  rename: fc.tuple(path, path).map(([from, to]) => rename(from, to)),
  push: fc.tuple(path, values, slice).map(([at, vs, n]) => push(at, vs, n)),
  addToSet: fc.tuple(path, values).map(([at, vs]) => addToSet(at, vs)),
  pull: fc.tuple(path, value).map(([at, v]) => pull(at, v)),
  pullAll: fc.tuple(path, values).map(([at, vs]) => pullAll(at, vs)),
  pop: fc.tuple(path, fc.constantFrom(1, -1)).map(([at, end]) => pop(at, end)),
  currentDate: path.map((at) => currentDate(at)),
  take: path.map((at) => take(at)),
}
