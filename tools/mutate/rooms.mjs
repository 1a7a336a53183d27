// The rooms of src/ whose rules are broken one at a time, and the tests that are to notice: those that need no server and
// end within seconds.

const CONFORMANCE = ['test/conformance/memory']

/** By its name, where a room's files are, which tests run for it, and the share of broken rules that they must notice. */
export const ROOMS = {
  visit: {
    files: 'src/visit/',
    tests: [
      'test/unit/state',
      'test/rules/visit',
      'test/rules/sequences',
      'test/rules/silence',
      'test/rules/limits',
      'test/koa/failures',
      'test/koa/limit',
      'test/koa/codes',
      'test/koa/rotation',
      'test/koa/session',
      'test/koa/sliding',
      'test/koa/unawaited-rotate',
      'test/http/early',
      'test/http/ended',
      'test/http/recheck',
      'test/koa/subject',
    ],
    target: 90,
  },
  cookie: {
    files: 'src/cookie/',
    tests: [
      'test/unit/credential',
      'test/unit/keys',
      'test/rules/setup',
      'test/rules/sequences',
      'test/rules/silence',
      'test/koa/cookie',
      'test/http/proxy',
      'test/security/cookie',
      'test/security/places',
    ],
    target: 90,
  },
  csrf: { files: 'src/csrf/', tests: ['test/rules/csrf', 'test/rules/sequences', 'test/security/csrf'], target: 90 },
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
