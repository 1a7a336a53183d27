// The rooms of src/ whose rules are broken one at a time, and the tests that are to notice: those that need no server and
// end within seconds. They run in this order until one fails, so what notices most at the least cost comes first. None may
// use vi.mock: the modules stay loaded from one mutant to the next (warm.ts).

const CONFORMANCE = ['test/conformance/memory']

/** By its name, where a room's files are, which tests run for it, and the share of broken rules that they must notice. */
export const ROOMS = {
  visit: {
    files: 'src/visit/',
    tests: [
      'test/rules/visit',
      'test/rules/limits',
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
      'test/http/ended',
      'test/http/early',
      'test/koa/rotation',
      'test/koa/outside',
      'test/koa/failures',
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
      'test/security/cookie',
      'test/security/places',
      'test/http/use',
      'test/koa/cookie',
      'test/rules/silence',
    ],
    target: 90,
  },
  csrf: { files: 'src/csrf/', tests: ['test/rules/csrf', 'test/rules/sequences', 'test/koa/csrf'], target: 90 },
  contract: { files: 'src/contract/', tests: [...CONFORMANCE, 'test/rules/contract', 'test/koa/limit'], target: 90 },
  delivery: {
    files: 'src/delivery/',
    tests: ['test/rules/delivery', 'test/unit/reliable', 'test/http/ended'],
    target: 90,
  },
  algebra: {
    files: 'src/algebra/',
    tests: ['test/rules/limits', ...CONFORMANCE, 'test/unit/oracle', 'test/unit/canonical', 'test/koa/usage'],
    target: 85,
  },
  settings: {
    files: 'src/settings/',
    tests: ['test/unit/duration', 'test/rules/setup', 'test/koa/usage', 'test/koa/cookie'],
    target: 85,
  },
  data: {
    files: 'src/data/',
    tests: ['test/unit/key', 'test/rules/setup', 'test/rules/limits', 'test/koa/schema', 'test/koa/schema-output'],
    target: 85,
  },
  memory: {
    files: 'src/stores/memory/',
    tests: [...CONFORMANCE, 'test/rules/delivery', 'test/faults/bounds'],
    target: 85,
  },
  sqlite: { files: 'src/stores/sqlite/', tests: ['test/stores/sqlite', 'test/conformance/sqlite'], target: 85 },
}
