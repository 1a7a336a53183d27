// Who may import whom in src/, a line for each room, and that nothing goes in a circle. Type-only imports count too.

const BELOW = ['algebra', 'cache', 'contract', 'data', 'delivery', 'diagnostics', 'errors', 'settings']

/** What each room may import besides itself, and which packages. What is not here is forbidden. */
const ROOMS = {
  algebra: { may: [], why: 'The algebra is pure: it imports nothing from outside its room.' },
  errors: { may: ['algebra'], why: 'Every room throws errors, so errors know no other room.' },
  contract: { may: ['algebra'], why: 'The contract says what a store must do, whoever asks for it.' },
  diagnostics: { may: ['algebra'], why: 'The channels tell what happens and ask nobody.' },
  data: { may: ['algebra', 'errors'], why: 'Types and schemas describe data, wherever they are kept.' },
  settings: {
    may: ['algebra', 'contract', 'data', 'errors'],
    packages: ['parse-duration'],
    why: 'Options are checked before there are requests, cookies or sessions.',
  },
  cookie: {
    may: ['errors', 'settings'],
    packages: ['keygrip'],
    why: 'A cookie says who a visitor claims to be. It knows no session and no store.',
  },
  csrf: {
    may: ['cookie', 'errors', 'settings'],
    packages: ['keygrip'],
    why: 'A request is judged by its headers and its token. Neither a session nor a store has a say in it.',
  },
  delivery: {
    may: ['contract', 'diagnostics', 'errors'],
    why: 'Deadlines and retries are the same, whatever the call is about.',
  },
  cache: {
    may: ['algebra', 'contract'],
    why: 'What is kept of sessions is found and compared. It asks no store, and does not know who asks.',
  },
  'stores/(memory|sqlite|mongodb|postgres|redis|mysql)': {
    may: ['algebra', 'contract', 'errors', 'settings/names.ts', 'stores/shared'],
    why: 'A store knows the algebra, the contract, what stores share, and no other store.',
  },
  'stores/shared': { may: ['algebra', 'contract', 'errors'], why: 'What stores share knows none of them.' },
  'stores/open.ts': {
    may: ['contract', 'errors', 'settings/names.ts', 'stores/\\w+/index.ts', 'stores/sqlite/client.ts'],
    packages: ['.*'],
    why: 'It chooses a store and its driver by a URL, and nothing else.',
  },
  visit: {
    may: [...BELOW, 'cookie', 'csrf'],
    why: 'A visit knows no store, no server, and not what the application holds.',
  },
  watch: {
    may: ['algebra', 'contract', 'delivery', 'errors', 'visit/state.ts'],
    why: 'Who watches sessions asks the store as a visit does, and knows of a request what it knows of its session.',
  },
  api: {
    may: [...BELOW, 'cookie', 'visit', 'watch', 'stores/mongodb/index.ts'],
    why: 'What the application holds knows no server. Forms are judged by the visit, and `collection =` needs MongoDB.',
  },
  koa: {
    may: [...BELOW, 'cookie', 'csrf', 'visit', 'watch', 'api'],
    packages: ['koa', '@types/koa', 'on-headers'],
    why: 'A binding translates between its server and api. It knows no store and no other server.',
  },
  http: {
    may: [...BELOW, 'cookie', 'csrf', 'visit', 'watch', 'api'],
    packages: ['on-headers'],
    why: 'A binding translates between its server and api. It knows no store, and never loads Koa.',
  },
  fetch: {
    may: [...BELOW, 'cookie', 'csrf', 'visit', 'api', 'http/forwarded.ts'],
    why: 'A binding translates between its server and api. It runs where there is no node:http, and so loads none.',
  },
  classic: {
    may: ['algebra', 'data', 'errors', 'settings', 'api', 'koa', 'http', 'fetch'],
    packages: ['koa', '@types/koa'],
    why: 'The object for existing code stands on what the application holds, and on the bindings that it wraps.',
  },
  dbsc: {
    may: [...BELOW, 'cookie', 'visit', 'api', 'koa', 'http', 'fetch'],
    packages: ['jose'],
    why: "It answers the devices' own requests on the bindings that it wraps. Nothing loads it, nor what checks signatures.",
  },
  passport: {
    may: ['api', 'errors'],
    why: 'Passport on commands needs what the application holds, and nothing below.',
  },
  adopt: {
    may: ['cookie/header.ts', 'cookie/keys.ts', 'cookie/old.ts', 'errors', 'settings'],
    packages: ['keygrip'],
    why: 'What reads the sessions of other libraries knows cookies and options, and none of our sessions.',
  },
  testing: {
    may: ['algebra', 'contract'],
    packages: ['fast-check'],
    why: 'The published suite sees a store as the contract shows it, and needs no test runner.',
  },
  cli: {
    may: ['algebra', 'contract', 'data', 'errors', 'settings', 'stores/open.ts'],
    why: 'The inspector sees a store as the contract shows it.',
  },
}

const at = (place) => `^src/${place}${place.endsWith('.ts') ? '$' : '/'}`
const slug = (room) => room.replace(/\(.*\)/, 'any').replaceAll('/', '-')

/** `$1` is the store whose file it is, so that one rule holds for every store. */
const own = (room) => at(room.replace(/\(.*\)/, '$1'))

const rules = Object.entries(ROOMS).flatMap(([room, { may, packages = [], why }]) => [
  {
    name: slug(room),
    comment: why,
    severity: 'error',
    from: { path: at(room) },
    to: { path: '^src/', pathNot: [own(room), ...may.map(at)] },
  },
  {
    name: `${slug(room)}-packages`,
    comment: `${why} Packages that it may import: ${packages.join(', ') || 'none'}.`,
    severity: 'error',
    from: { path: at(room) },
    to: { dependencyTypesNot: ['local', 'core'], pathNot: packages.map((name) => `^(node_modules/)?${name}(/|$)`) },
  },
])

export default {
  forbidden: [
    ...rules,
    {
      name: 'algebra-node',
      comment: 'The algebra means the same wherever it runs: it imports nothing, not even from Node.',
      severity: 'error',
      from: { path: at('algebra') },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'every-room-has-a-line',
      comment: 'This file belongs to no room of .dependency-cruiser.mjs. Say there what it may import, and why.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/index.ts$', ...Object.keys(ROOMS).map(at)] },
      to: {},
    },
    {
      name: 'the-door',
      comment: 'src/index.ts is what users import. Inside, import the file that has it.',
      severity: 'error',
      from: {},
      to: { path: '^src/index.ts$' },
    },
    {
      name: 'no-circle-of-files',
      comment:
        'Neither of two files that need each other can be read, tested or changed alone. Move what both need down.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-circle-of-rooms',
      comment: 'Neither of two rooms that need each other can be understood alone. Move what both need down.',
      severity: 'error',
      scope: 'folder',
      from: { path: '^src/.' },
      to: { circular: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
}
