/** The peers in their usual set-up, by the store they keep sessions in. */
export const PEERS = {
  redis: ['koa-session', 'koa-generic-session', 'express-session, connect-redis', '@fastify/session, connect-redis'],
  postgres: ['express-session, connect-pg-simple'],
  mongodb: ['express-session, connect-mongo'],
  sqlite: [],
}

const inc = { path: '/inc', method: 'POST' }

/** What is measured. Of `subjects` the first is the limit: every figure is a ratio to it, of the same round. */
export const SCENES = [
  {
    name: 'no session used',
    path: '/none',
    quick: true,
    subjects: (store) => ['koa', 'ours', ...PEERS[store]],
  },
  { name: 'inc', ...inc, quick: true, subjects: (store) => ['checked', 'bare', 'ours', ...PEERS[store]] },
  { name: 'read', path: '/read', quick: true, subjects: (store) => ['checked', 'bare', 'ours', ...PEERS[store]] },
  {
    name: 'read and three changes',
    path: '/many',
    method: 'POST',
    quick: true,
    subjects: (store) => (PEERS[store].length > 0 ? [PEERS[store][0], 'ours', ...PEERS[store].slice(1)] : []),
  },
  {
    name: 'one hot visitor, inc',
    ...inc,
    visitors: 1,
    lost: true,
    subjects: (store) => ['checked', 'ours', ...PEERS[store]],
  },
  ...[
    ['4 KiB', 4096, 1000],
    ['16 KiB', 16_384, 300],
    ['64 KiB', 60_000, 100],
  ].flatMap(([size, bytes, visitors]) => [
    {
      name: `inc, session of ${size}`,
      ...inc,
      bytes,
      visitors,
      subjects: (store) => ['checked', 'ours', ...PEERS[store]],
    },
    {
      name: `inc that nobody awaits, session of ${size}`,
      path: '/forget',
      method: 'POST',
      bytes,
      visitors,
      against: 'inc',
      subjects: () => ['ours'],
    },
  ]),
  ...[1, 2, 4].map((processes) => ({
    name: `inc, server processes: ${processes}`,
    ...inc,
    processes,
    subjects: (store) => ['checked', 'ours', ...PEERS[store].slice(0, 1)],
  })),
  // Last, because it leaves a session behind for every request.
  {
    name: 'log-in of a new visitor',
    path: '/login',
    method: 'POST',
    visitors: 0,
    subjects: (store) => ['checked', 'ours', ...PEERS[store]],
  },
]
