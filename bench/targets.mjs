import { quotient } from './rows.mjs'
import { SIZES } from './scenes.mjs'
import { fastestPeer } from './ten.mjs'

const CACHE = 16 * 2 ** 20
const [MANY, READ_16, INC_16] = ['read and three changes', 'read, session of 16 KiB', 'inc, session of 16 KiB']
const MYSQL_PEER = 'express-session, express-mysql-session'

/** The figures of a run, by what is compared. */
function figuresOf(results) {
  const stores = Object.keys(results.servers)
  const find = (store, scene, subject, size) =>
    results.rows.find(
      (row) =>
        row.store === store &&
        row.scene === scene &&
        row.subject === subject &&
        (size === undefined || row.size === size),
    )
  const compared = (label, row, limit, what) =>
    row && limit
      ? [{ label, ...quotient(row, limit, what), processors: what ? undefined : processorsOf(row, limit) }]
      : []
  /** Ours with another driver of the same store, against `other` with that driver where there is one. */
  const drivers = (store) => (store === 'redis' ? ['', ', ioredis'] : [''])

  return {
    /** Ours against another subject of the same scene, on each of the stores that has both. */
    against: (scene, other, only = stores) =>
      only.flatMap((store) =>
        drivers(store).flatMap((driver) =>
          compared(store + driver, find(store, scene, `ours${driver}`), find(store, scene, other + driver)),
        ),
      ),
    fastest: (scene, only) =>
      only.flatMap((store) =>
        drivers(store).flatMap((driver) => {
          const peer = fastestPeer(results.rows, store, scene)
          return compared(`${store}${driver}, against ${peer?.subject}`, find(store, scene, `ours${driver}`), peer)
        }),
      ),
    /** A session of 64 KiB against one of 0.2 KiB. */
    sizes: (scene, what, only = stores) =>
      only.flatMap((store) => {
        const [small, large] = ['0.2 KiB', '64 KiB'].map((size) => find(store, scene, 'ours', size))
        return compared(store, large, small, what)
      }),
    missing: (command) =>
      ['16 KiB', '64 KiB'].flatMap((size) =>
        stores.flatMap((store) => {
          const of = (subject) => find(store, `${command}, session of ${size}`, subject)
          return compared(`${store}, ${size}`, of('ours, outdated copies'), of('ours, no cache'))
        }),
      ),
    bytes: (scene, only) =>
      only.flatMap((store) => {
        const bytes = find(store, scene, 'ours')?.bytes
        return bytes === undefined ? [] : [{ label: store, ratio: bytes }]
      }),
    loadedBytes: () =>
      stores.flatMap((store) => {
        const both = find(store, 'read, then inc, by size', 'ours', '16 KiB')?.bytes
        const read = find(store, 'read, by size', 'ours', '16 KiB')?.bytes
        return both === undefined || read === undefined ? [] : [{ label: store, ratio: both - read }]
      }),
    stored: () =>
      stores.flatMap((store) => {
        const [few, many] = results.rows.filter((row) => row.store === store && row.scene === 'inc, by stored sessions')
        return compared(`${store}, ${many?.subject.replace('ours, ', '')}`, many, few)
      }),
    mariadb: () =>
      ['inc', 'read', MANY].flatMap((scene) =>
        compared(scene, find('mariadb', scene, 'ours'), find('mariadb', scene, MYSQL_PEER)),
      ),
    lost: () =>
      ['inc', MANY].flatMap((scene) =>
        stores.flatMap((store) => {
          const lost = find(store, scene, 'ours')?.lost
          return lost === undefined ? [] : [{ label: `${store}, ${scene}`, ratio: lost }]
        }),
      ),
    heap: () =>
      (results.heap ?? [])
        .filter(({ subject }) => subject === 'ours')
        .map(({ sessions, heap }) => ({ label: `${sessions.toLocaleString('en')} sessions`, ratio: heap / 2 ** 20 })),
    share: () =>
      (results.micro?.wholes ?? [])
        .filter(({ name }) => ['await ctx.session()', 'ctx.session().inc()', 'inc that is not awaited'].includes(name))
        .map(({ name, whole }) => ({ label: name, ratio: whole })),
  }
}

/** The processor time of a request on both sides, by load, application and database: what two cores are divided by. */
function processorsOf(...rows) {
  const times = ({ load, cpu, database }) =>
    [load, cpu, database]
      .filter((us) => us !== undefined)
      .map(Math.round)
      .join('+')
  return rows.every(({ load }) => load !== undefined) ? `${rows.map(times).join(' and ')} µs` : undefined
}

/** Each target of the benchmark: what it is, what it asks for, its figures in a run, and why they are as they are. */
export function targetsOf(results) {
  const figures = figuresOf(results)
  const [large, networked] = [SIZES['16 KiB'], ['redis', 'postgres', 'mongodb', 'mariadb']]
  return [
    {
      what: 'a read, against the fastest other library on Redis',
      least: 1.15,
      figures: figures.fastest('read', ['redis']),
      why: 'one command with one key; @fastify/session also writes, koa-session checks less',
    },
    {
      what: 'a read and three changes, against the fastest other library on Redis',
      least: 1.1,
      figures: figures.fastest(MANY, ['redis']),
      why: 'two round trips on both sides; ours has each change checked',
    },
    {
      what: 'the same on PostgreSQL and MongoDB',
      least: 1.3,
      figures: figures.fastest(MANY, ['postgres', 'mongodb']),
      why: 'the others write the whole session back',
    },
    {
      what: '`inc`, against koa-session on Redis',
      least: 2.2,
      figures: figures.against('inc', 'koa-session', ['redis']),
      why: 'one round trip instead of two, but a script takes Redis longer than a GET and a SET',
    },
    {
      what: '`inc`, against connect-pg-simple',
      least: 3,
      figures: figures.against('inc', 'express-session, connect-pg-simple', ['postgres']),
      why: 'both wait for the disk once; express-session also waits for a read',
    },
    {
      what: '`inc`, a read, and a read with three changes on MariaDB, against express-mysql-session',
      least: 1,
      figures: figures.mariadb(),
      why: 'ours writes only if the session is still what it was computed from; the other overwrites',
    },
    {
      what: 'changes lost of 200 at once',
      most: 0,
      figures: figures.lost(),
      unit: 'count',
      why: 'the database applies them one after another',
    },
    {
      what: 'a read of 16 KiB, against koa-session on Redis',
      least: 8,
      figures: figures.against(READ_16, 'koa-session', ['redis']),
      why: 'the process has a copy, and Redis confirms it instead of sending the data',
    },
    {
      what: 'the same, against @fastify/session',
      least: 14,
      figures: figures.against(READ_16, '@fastify/session, connect-redis', ['redis']),
      why: '@fastify/session writes the session back, too',
    },
    {
      what: '`inc` of a session of 16 KiB that was not read, against koa-session on Redis',
      least: 6,
      figures: figures.against(INC_16, 'koa-session', ['redis']),
      why: 'neither the request nor the reply carries the data',
    },
    {
      what: 'bytes of such a request, in both directions',
      most: 300,
      figures: figures.bytes(INC_16, ['redis']),
      unit: 'count',
      why: 'id, hash, version and operation go there; what changed of the record comes back',
    },
    {
      what: `bytes of an \`inc\` on a loaded session of ${large / 1024} KiB (a read with an \`inc\`, less the read)`,
      most: 700,
      figures: figures.loadedBytes(),
      unit: 'count',
      why: 'the request names the version that it has, so the data need not come back',
    },
    {
      what: 'a read of 64 KiB, against one of 0.2 KiB',
      least: 0.9,
      figures: figures.sizes('read, by size', 'perSecond', ['redis', 'postgres']),
      why: 'nothing of the data is sent or parsed',
    },
    {
      what: 'a read and then `inc`, 64 KiB against 0.2 KiB, CPU of the application',
      most: 1.2,
      figures: figures.sizes('read, then inc, by size', 'cpu'),
      why: 'as above; SQLite runs inside the application, so its own work on the text counts too',
    },
    {
      what: '`inc` that is not awaited, 64 KiB against 0.2 KiB, CPU of the application',
      most: 1.2,
      figures: figures.sizes('inc that is not awaited, by size', 'cpu'),
      why: 'the data does not reach the application, except with SQLite',
    },
    {
      what: 'a read with a copy that is never right, against no copies',
      least: 0.95,
      figures: figures.missing('read'),
      why: 'the name of the copy is a few bytes, and the data comes in the same reply',
    },
    {
      what: '`inc` with a copy that is never right, against no copies',
      least: 0.95,
      figures: figures.missing('inc'),
      why: 'the same; MariaDB and MongoDB first try a change that was computed from the copy',
    },
    {
      what: 'MiB in the heap after sessions of 16 KiB have passed through (`cache` is 16 MiB)',
      most: (2 * CACHE) / 2 ** 20,
      figures: figures.heap(),
      unit: 'MiB',
      why: 'two generations; the older one is dropped when the newer one is full',
    },
    {
      what: '`inc`, against the hand-written command with the same cookie check',
      least: 0.9,
      figures: figures.against('inc', 'checked'),
      why: 'ours also checks and slides the expiry, remembers the operation, and returns the data',
    },
    {
      what: 'the same, against the bare command that trusts the cookie',
      least: 0.75,
      figures: figures.against('inc', 'bare'),
      why: 'as above, with the HMAC and the hash of the cookie',
    },
    {
      what: 'a read, against the hand-written read with the same cookie check',
      least: 0.9,
      figures: figures.against('read', 'checked'),
      why: "ours also reads the session's record, and makes a read-only view",
    },
    {
      what: 'a read and three changes, against the hand-written read and command',
      figures: figures.against(MANY, 'checked'),
      why: 'not a target; the limit of this scene',
    },
    {
      what: '`inc` that is not awaited, against the hand-written command that returns no data',
      figures: figures.against('inc that is not awaited', 'checked'),
      why: 'not a target; shows the cost of returning the data',
    },
    {
      what: 'a request that uses no session but carries its cookie, against Koa alone',
      least: 0.97,
      figures: figures.against('no session used', 'koa'),
      why: 'one callback around all middleware and one after each, and nothing for the store',
    },
    {
      what: '`inc` with very many stored sessions, against 1,000',
      least: 0.9,
      figures: figures.stored(),
      why: 'by primary key; mongo-java-server reads every document for any filter but the id alone',
    },
    {
      what: 'bytes of an `inc` of 0.2 KiB, in both directions',
      figures: figures.bytes('inc', networked),
      unit: 'count',
      why: 'not a target; the data comes back, because naming it would cost as much',
    },
    {
      what: "the library's own share of a request, µs",
      most: 12,
      figures: figures.share(),
      unit: 'µs',
      why: 'the parts are shown below',
    },
  ]
}

/** `met`, `missed`, or on which stores it is missed; empty where nothing is asked for. */
export function verdictOf({ least, most, figures }) {
  if (least === undefined && most === undefined) return ''
  if (figures.length === 0) return '**not measured**'
  const within = (ratio) => (least === undefined ? ratio <= most : ratio >= least)
  const met = ({ ratio }) => within(ratio)
  const missed = figures.filter((figure) => !met(figure))
  if (missed.length === 0) return 'met'
  const unsure = missed.filter(({ spread }) => spread?.some(within))
  const close = unsure.length > 0 ? ` (within the spread: ${unsure.map(({ label }) => label).join('; ')})` : ''
  if (missed.length === figures.length) return `**missed**${close}`
  return `**missed** on ${missed.map(({ label }) => label).join('; ')}${close}`
}
