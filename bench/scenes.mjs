/** The peers in their usual set-up, by the store they keep sessions in. */
export const PEERS = {
  redis: ['koa-session', 'koa-generic-session', 'express-session, connect-redis', '@fastify/session, connect-redis'],
  postgres: ['express-session, connect-pg-simple'],
  mongodb: ['express-session, connect-mongo'],
  mariadb: ['express-session, express-mysql-session'],
  sqlite: [],
}

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
const all = (route, subjects, more) => (store) =>
  [...subjects, ...PEERS[store]].map((subject) => cell(subject, route, undefined, more))
const bySize = (route) => () => Object.keys(SIZES).map((size) => cell('ours', route, size))

/**
 * What is measured, in this order on every store. The first of a scene's cells is the limit: the others are given as
 * ratios to it, of the same round. `lost`: changes of one session at once are counted afterwards.
 */
export const SCENES = [
  { name: 'no session used', quick: true, cells: all('none', ['koa', 'ours']) },
  { name: 'inc', quick: true, lost: true, cells: all('inc', ['checked', 'bare', 'ours']) },
  { name: 'read', quick: true, cells: all('read', ['checked', 'bare', 'ours']) },
  { name: 'read and three changes', quick: true, lost: true, cells: all('many', ['checked', 'bare', 'ours']) },
  {
    name: 'inc that nobody awaits',
    cells: () => ['checked', 'bare', 'ours'].map((subject) => cell(subject, 'forget')),
  },
  { name: 'one hot visitor, inc', cells: all('inc', ['checked', 'bare', 'ours'], { visitors: 1 }) },
  ...['4 KiB', '16 KiB', '64 KiB'].map((size) => ({
    name: `inc, session of ${size}`,
    cells: (store) => ['checked', 'ours', ...PEERS[store]].map((subject) => cell(subject, 'inc', size)),
  })),
  { name: 'inc that nobody awaits, by size', cells: bySize('forget') },
  { name: 'inc, by size', cells: bySize('inc') },
  { name: 'read, by size', cells: bySize('read') },
  { name: 'read, then inc, by size', cells: bySize('loaded') },
  ...[1, 2, 4].map((processes) => ({
    name: `inc, server processes: ${processes}`,
    processes,
    cells: (store) =>
      ['checked', 'ours', ...PEERS[store].slice(0, 1)].map((subject) => cell(subject, 'inc', undefined, { processes })),
  })),
  // Last, because it leaves a session behind for every request.
  { name: 'log-in of a new visitor', cells: all('login', ['checked', 'ours']) },
]

/** The scene of many stored sessions has servers of its own: one with so few, one with so many. */
export const STORED = 'inc, by stored sessions'
