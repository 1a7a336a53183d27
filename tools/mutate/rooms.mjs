// The rooms of src/ whose rules are broken one at a time, and the tests that are to notice: those that need no server and
// end within seconds.

const CONFORMANCE = ['test/conformance/memory']

/** By its name, where a room's files are, which tests run for it, and the share of broken rules that they must notice. */
export const ROOMS = {
  visit: {
    files: 'src/visit/',
    tests: [
      'test/rules/',
      'test/unit/state',
      'test/koa/codes',
      'test/koa/cookie',
      'test/koa/csrf',
      'test/koa/failures',
      'test/koa/laziness',
      'test/koa/limit',
      'test/koa/outside',
      'test/koa/regenerate-extra-call',
      'test/koa/rotation',
      'test/koa/session',
      'test/koa/sliding',
      'test/koa/unawaited-rotate',
      'test/http/early',
      'test/security/identifier',
    ],
    target: 90,
  },
  cookie: {
    files: 'src/cookie/',
    tests: [
      'test/rules/',
      'test/unit/credential',
      'test/unit/keys',
      'test/koa/cookie',
      'test/koa/keys',
      'test/koa/mounted',
      'test/koa/rotation',
      'test/http/early',
      'test/http/proxy',
      'test/security/cookie',
      'test/security/places',
    ],
    target: 90,
  },
  csrf: {
    files: 'src/csrf/',
    tests: ['test/rules/', 'test/security/csrf', 'test/koa/csrf', 'test/koa/session', 'test/http/guard'],
    target: 90,
  },
  contract: { files: 'src/contract/', tests: ['test/rules/', ...CONFORMANCE, 'test/koa/rotation'], target: 90 },
  delivery: {
    files: 'src/delivery/',
    tests: [
      'test/rules/',
      'test/unit/reliable',
      'test/faults/bounds',
      'test/koa/failures',
      'test/documents/observability',
    ],
    target: 90,
  },
  algebra: {
    files: 'src/algebra/',
    tests: [
      'test/rules/',
      'test/unit/oracle',
      'test/unit/canonical',
      ...CONFORMANCE,
      'test/koa/usage',
      'test/koa/guard',
    ],
    target: 85,
  },
  settings: {
    files: 'src/settings/',
    tests: [
      'test/rules/',
      'test/unit/duration',
      'test/unit/keys',
      'test/koa/usage',
      'test/koa/cookie',
      'test/koa/keys',
    ],
    target: 85,
  },
  data: {
    files: 'src/data/',
    tests: ['test/rules/', 'test/unit/key', 'test/koa/schema', 'test/koa/schema-output', 'test/koa/guard'],
    target: 85,
  },
  memory: { files: 'src/stores/memory/', tests: ['test/rules/', ...CONFORMANCE, 'test/koa/limit'], target: 85 },
  sqlite: { files: 'src/stores/sqlite/', tests: ['test/conformance/sqlite', 'test/stores/sqlite'], target: 85 },
}
