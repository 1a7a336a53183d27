/** The peers in their usual set-up, by the store they keep sessions in. connect-redis takes node-redis only. */
export const PEERS = {
  redis: [
    'koa-session',
    'koa-session, ioredis',
    'koa-generic-session',
    'express-session, connect-redis',
    '@fastify/session, connect-redis',
  ],
  postgres: ['express-session, connect-pg-simple'],
  mongodb: ['express-session, connect-mongo'],
  mariadb: ['express-session, express-mysql-session'],
  sqlite: [],
}
/** Those that are also in the scenes that have many cells. */
const KEPT = ['koa-session', '@fastify/session, connect-redis', ...PEERS.postgres, ...PEERS.mongodb, ...PEERS.mariadb]

/** Where the store takes more than one driver, ours and the limit have a row with each. */
const IOREDIS = ['checked, ioredis', 'ours, ioredis']
/** Ours with its copies of large sessions, without them, and with copies that are never right. */
const CACHED = ['ours', 'ours, no cache', 'ours, outdated copies']

/** The sizes of sessions, by the bytes of their data as JSON. */
export const SIZES = { '0.2 KiB': 205, '4 KiB': 4096, '16 KiB': 16_384, '64 KiB': 65_536 }
/** So many visitors that the whole has some megabytes at most. */
const VISITORS = { '0.2 KiB': 1000, '4 KiB': 1000, '16 KiB': 300, '64 KiB': 100 }

const ROUTES = {
  none: { path: '/none' },
  inc: { path: '/inc', method: 'POST' },
  read: { path: '/read' },
  many: { path: '/many', method: 'POST' },
  forget: { path: '/forget', method: 'POST' },
  loaded: { path: '/read-inc', method: 'POST' },
  login: { path: '/login', method: 'POST', visitors: 0 },
}

/** One thing that is measured: a subject, and what is asked of it. */
const cell = (subject, route, size = '0.2 KiB', more = {}) => ({
  subject,
  size,
  bytes: SIZES[size],
  visitors: VISITORS[size],
  ...ROUTES[route],
  ...more,
})
const cells = (route, subjects, size, more) => subjects.map((subject) => cell(subject, route, size, more))
/** Every peer, and every driver. */
const all = (route) => (store) =>
  cells(route, ['checked', 'bare', 'ours', ...(store === 'redis' ? IOREDIS : []), ...PEERS[store]])
/** Few peers. */
const some = (route, subjects, size, more) => (store) =>
  cells(route, [...subjects, ...PEERS[store].filter((peer) => KEPT.includes(peer))], size, more)
const bySize = (route, sizes) => () => sizes.map((size) => cell('ours', route, size))

/**
 * What is measured, in this order on every store. The first of a scene's cells is the limit: the others are given as
 * ratios to it, of the same round. `lost`: changes of one session at once are counted afterwards. `calls`: the system
 * calls of a request, too. `known`: the process has just served each visitor once.
 */
export const SCENES = [
  { name: 'no session used', quick: true, cells: some('none', ['koa', 'ours']) },
  { name: 'inc', quick: true, lost: true, calls: true, cells: all('inc') },
  { name: 'read', quick: true, calls: true, cells: all('read') },
  { name: 'read and three changes', quick: true, lost: true, calls: true, cells: all('many') },
  { name: 'inc that is not awaited', cells: () => cells('forget', ['checked', 'ours']) },
  { name: 'one hot visitor, inc', cells: some('inc', ['checked', 'ours'], undefined, { visitors: 1 }) },
  { name: 'inc, session of 4 KiB', cells: some('inc', ['checked', 'ours'], '4 KiB') },
  ...['16 KiB', '64 KiB'].flatMap((size) => [
    { name: `read, session of ${size}`, cells: some('read', ['checked', ...CACHED], size) },
    { name: `inc, session of ${size}`, cells: some('inc', ['checked', ...CACHED], size) },
  ]),
  { name: 'inc that is not awaited, by size', known: true, cells: bySize('forget', ['0.2 KiB', '64 KiB']) },
  { name: 'read, by size', known: true, cells: bySize('read', Object.keys(SIZES)) },
  { name: 'read, then inc, by size', known: true, cells: bySize('loaded', Object.keys(SIZES)) },
  ...[1, 2].map((processes) => ({
    name: `inc, server processes: ${processes}`,
    processes,
    cells: (store) => cells('inc', ['checked', 'ours', ...PEERS[store].slice(0, 1)], undefined, { processes }),
  })),
  // Last, because it leaves a session behind for every request.
  { name: 'log-in of a new visitor', cells: some('login', ['checked', 'ours']) },
]

/** The scene of many stored sessions has servers of its own: one with so few, one with so many. */
export const STORED = 'inc, by stored sessions'
