// The rooms of src/ whose rules are broken one at a time, and the tests that are to notice: those that need no server and
// end within seconds. They run in this order until one fails, so what notices most at the least cost comes first. None may
// use vi.mock: the modules stay loaded from one mutant to the next (warm.ts).

const CONFORMANCE = ['test/conformance/memory']

/** The share of broken rules that the tests must notice in all rooms together. */
export const OVERALL = 85

/** By its name, where a room's files are, which tests run for it, and the share of broken rules that they must notice. */
export const ROOMS = {
  visit: {
    files: 'src/visit/',
    tests: [
      'test/unit/turns',
      'test/unit/queue',
      'test/unit/slide',
      'test/rules/visit',
      'test/rules/retiring',
      'test/rules/bound',
      'test/rules/logins',
      'test/rules/uses',
      'test/rules/ends',
      'test/rules/limits',
      'test/rules/handover',
      'test/koa/client',
      'test/koa/subject',
      'test/koa/names',
      'test/koa/mint',
      'test/koa/usage',
      'test/koa/limit',
      'test/dbsc/http',
      'test/unit/state',
      'test/rules/csrf',
      'test/koa/codes',
      'test/dbsc/koa',
      'test/rules/sequences',
      'test/rules/checkpoint',
      'test/http/ended',
      'test/http/early',
      'test/koa/rotation',
      'test/koa/outside',
      'test/koa/failures',
      'test/koa/csrf',
      'test/koa/mounted',
      'test/http/failures',
    ],
    target: 90,
  },
  cookie: {
    files: 'src/cookie/',
    tests: [
      'test/unit/jar',
      'test/unit/credential',
      'test/rules/visit',
      'test/rules/setup',
      'test/unit/keys',
      'test/rules/handover',
      'test/security/cookie',
      'test/security/places',
      'test/http/use',
      'test/koa/cookie',
    ],
    target: 90,
  },
  csrf: { files: 'src/csrf/', tests: ['test/rules/csrf', 'test/rules/sequences', 'test/koa/csrf'], target: 90 },
  contract: {
    files: 'src/contract/',
    tests: ['test/rules/contract', 'test/unit/device', 'test/unit/records', ...CONFORMANCE],
    target: 90,
  },
  delivery: {
    files: 'src/delivery/',
    tests: ['test/unit/deadlines', 'test/rules/delivery', 'test/unit/reliable', 'test/http/ended'],
    target: 90,
  },
  algebra: {
    files: 'src/algebra/',
    tests: [
      'test/unit/values',
      'test/unit/commands',
      'test/unit/canonical',
      'test/rules/limits',
      'test/unit/oracle',
      ...CONFORMANCE,
    ],
    target: 85,
  },
  cache: {
    files: 'src/cache/',
    tests: ['test/unit/generations', 'test/unit/copies', 'test/rules/copies'],
    target: 85,
  },
  settings: {
    files: 'src/settings/',
    tests: ['test/unit/duration', 'test/unit/settings'],
    target: 85,
  },
  data: {
    files: 'src/data/',
    tests: [
      'test/unit/key',
      'test/unit/within',
      'test/unit/conform',
      'test/koa/schema',
      'test/koa/schema-output',
      'test/rules/setup',
    ],
    target: 85,
  },
  memory: {
    files: 'src/stores/memory/',
    tests: ['test/unit/memory', ...CONFORMANCE, 'test/faults/bounds'],
    target: 85,
  },
  sqlite: {
    files: 'src/stores/sqlite/',
    tests: [
      'test/unit/lock',
      'test/stores/sqlite',
      'test/stores/sqlite-notices',
      'test/stores/sqlite-tables',
      'test/faults/limits',
      'test/conformance/sqlite',
    ],
    target: 85,
  },
}
