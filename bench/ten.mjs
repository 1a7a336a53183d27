// The ten rows that a reader sees first: this library against the fastest other one, by what a request does.
import { quotient } from './rows.mjs'
import { PEERS } from './scenes.mjs'

const [read, inc, many] = ['reads a session', 'adds 1 to a counter', 'reads a session and makes three changes']
const READ_16 = 'read, session of 16 KiB'
const INC_16 = 'inc, session of 16 KiB'

/** What a request does, where its sessions are, the scene, and which subject is ours. */
const TEN = [
  [read, 'Redis, node-redis', 'redis', 'read', 'ours'],
  [read, 'Redis, ioredis', 'redis', 'read', 'ours, ioredis'],
  [inc, 'Redis, node-redis', 'redis', 'inc', 'ours'],
  [inc, 'Redis, ioredis', 'redis', 'inc', 'ours, ioredis'],
  [many, 'Redis, ioredis', 'redis', 'read and three changes', 'ours, ioredis'],
  [`${read} of 16 KiB`, 'Redis, node-redis', 'redis', READ_16, 'ours'],
  [`${inc} in a session of 16 KiB`, 'Redis, node-redis', 'redis', INC_16, 'ours'],
  [inc, 'PostgreSQL', 'postgres', 'inc', 'ours'],
  [inc, 'MariaDB', 'mariadb', 'inc', 'ours'],
  [inc, 'MongoDB', 'mongodb', 'inc', 'ours'],
]

/** The fastest of the peers that are in this scene of this store. */
export function fastestPeer(rows, store, scene) {
  const peers = rows.filter((row) => row.store === store && row.scene === scene && PEERS[store].includes(row.subject))
  return peers.sort((a, b) => b.perSecond - a.perSecond)[0]
}

/** How many times as fast, for people: 0.97, 1.64, 11.2. */
export const times = (ratio) => ratio.toFixed(ratio < 9.995 ? 2 : 1)

/** Each of the ten with its two rows and their quotient; without them where the run did not have both. */
export function tenOf(rows) {
  return TEN.map(([what, where, store, scene, subject]) => {
    const ours = rows.find((row) => row.store === store && row.scene === scene && row.subject === subject)
    const other = fastestPeer(rows, store, scene)
    if (!ours || !other) return { what, where }
    return { what, where, ours, other, ...quotient(ours, other) }
  })
}
