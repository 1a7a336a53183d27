// The rooms of src/ whose rules are broken one at a time, and the tests that are to notice: those that need no server and
// end within seconds.

const CONFORMANCE = ['test/conformance/memory']

/** By its name, where a room's files are, which tests run for it, and the share of broken rules that they must notice. */
export const ROOMS = {
  visit: {
    files: 'src/visit/',
    tests: [
      'test/rules/visit',
      'test/rules/limits',
      'test/rules/sequences',
      'test/koa/subject',
      'test/koa/limit',
      'test/koa/client',
      'test/koa/names',
      'test/koa/codes',
      'test/unit/state',
      'test/koa/mint',
      'test/koa/usage',
      'test/dbsc/http',
      'test/dbsc/koa',
      'test/koa/session',
      'test/koa/rotation',
      'test/koa/sliding',
      'test/koa/unawaited-rotate',
      'test/http/ended',
      'test/http/early',
      'test/koa/outside',
      'test/koa/failures',
      'test/rules/silence',
    ],
    target: 90,
  },
  cookie: {
    files: 'src/cookie/',
    tests: [
      'test/unit/credential',
      'test/unit/keys',
      'test/rules/setup',
      'test/security/places',
      'test/security/cookie',
      'test/koa/cookie',
      'test/http/proxy',
      'test/rules/sequences',
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
