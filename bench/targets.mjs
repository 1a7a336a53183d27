import { quotient } from './rows.mjs'
import { PEERS } from './scenes.mjs'

/** Each target of the benchmark: what it is, what it asks for, its figures in a run, and why they are as they are. */
export function targetsOf(results) {
  const stores = Object.keys(results.servers)
  const rows = (store, scene) => results.rows.filter((row) => row.store === store && row.scene === scene)
  const find = (store, scene, subject, size) =>
    rows(store, scene).find((row) => row.subject === subject && (size === undefined || row.size === size))

  /** Ours against another subject of the same scene, on each store that has both. */
  const against = (scene, other, only = stores) =>
    only.flatMap((store) => {
      const [ours, limit] = [find(store, scene, 'ours'), find(store, scene, other)]
      return ours && limit ? [{ label: store, ...quotient(ours, limit) }] : []
    })
  const fastestPeer = (scene) =>
    stores.flatMap((store) => {
      const ours = find(store, scene, 'ours')
      const peers = rows(store, scene).filter(({ subject }) => PEERS[store].includes(subject))
      if (!ours || peers.length === 0) return []
      const [best] = peers.sort((a, b) => b.perSecond - a.perSecond)
      return [{ label: `${store}, ${best.subject}`, ...quotient(ours, best) }]
    })
  const sizes = (scene) =>
    stores.flatMap((store) => {
      const [small, large] = ['0.2 KiB', '64 KiB'].map((size) => find(store, scene, 'ours', size))
      return small && large ? [{ label: store, ...quotient(large, small, 'cpu') }] : []
    })
  const loadedBytes = () =>
    stores.flatMap((store) => {
      const both = find(store, 'read, then inc, by size', 'ours', '16 KiB')?.bytes
      const read = find(store, 'read, by size', 'ours', '16 KiB')?.bytes
      return both === undefined || read === undefined ? [] : [{ label: store, ratio: both - read }]
    })
  const stored = () =>
    stores.flatMap((store) => {
      const [few, many] = rows(store, 'inc, by stored sessions')
      return few && many ? [{ label: `${store}, ${many.subject.replace('ours, ', '')}`, ...quotient(many, few) }] : []
    })
  const lost = () =>
    ['inc', 'read and three changes'].flatMap((scene) =>
      stores.flatMap((store) => {
        const ours = find(store, scene, 'ours')?.lost
        return ours === undefined ? [] : [{ label: `${store}, ${scene}`, ratio: ours }]
      }),
    )
  const share = () =>
    (results.micro?.wholes ?? [])
      .filter(({ name }) => ['await ctx.session()', 'ctx.session().inc()', 'inc that nobody awaits'].includes(name))
      .map(({ name, whole }) => ({ label: name, ratio: whole }))

  return [
    {
      what: 'a request that uses no session but carries its cookie, against Koa without any',
      least: 0.97,
      figures: against('no session used', 'koa'),
      why: 'such a request runs one callback of this library around all middleware (`KoaSessions.around`) and one after each middleware (`KoaSessions.after`), and sends nothing to the store',
    },
    {
      what: '`ctx.session().inc()`, against the hand-written command with the same cookie check',
      least: 0.9,
      figures: against('inc', 'checked'),
      why: 'ours also checks and slides the expiry, keeps the version and the memory of operations that makes resending safe, allows any chain of commands, and returns the data',
    },
    {
      what: 'the same, against the bare command that trusts the cookie',
      least: 0.75,
      figures: against('inc', 'bare'),
      why: 'as above, and the HMAC and the hash of the cookie',
    },
    {
      what: '`inc` that is not awaited, against the hand-written command that answers no data',
      figures: against('inc that nobody awaits', 'checked'),
      why: 'not a target; shows the cost of returning the data',
    },
    {
      what: 'a read, against the hand-written read with the same cookie check',
      least: 0.9,
      figures: against('read', 'checked'),
      why: "ours also reads the session's record, and makes a read-only view",
    },
    {
      what: '`inc`, against koa-session on Redis',
      least: 1.8,
      figures: against('inc', 'koa-session', ['redis']),
      why: "koa-session sends a GET and a SET of the whole session, which takes Redis a quarter of our script's processor time (7 µs per request against 26, including the network), and loses changes; these sessions are small",
    },
    {
      what: '`inc`, session of 4 KiB, against koa-session on Redis',
      figures: against('inc, session of 4 KiB', 'koa-session', ['redis']),
      why: 'not a target; a session with some contents',
    },
    {
      what: '`inc`, against express-session with connect-pg-simple',
      least: 3,
      figures: against('inc', 'express-session, connect-pg-simple'),
      why: 'both wait for the disk once, if the database waits for it at all; express-session also waits for a read',
    },
    {
      what: 'a read and three changes in one chain, against the fastest peer',
      least: 1.3,
      figures: fastestPeer('read and three changes'),
      why: 'both take two round trips; the peers write the whole session back unchecked, ours sends the changes, checked',
    },
    {
      what: 'the same, against the hand-written read and command with the same cookie check',
      figures: against('read and three changes', 'checked'),
      why: 'not a target; the limit of this scene',
    },
    {
      what: 'changes lost of 200 at once',
      most: 0,
      figures: lost(),
      unit: 'count',
      why: 'the database applies them one after another',
    },
    {
      what: 'bytes for `inc` on a loaded session of 16 KiB, of the change alone and in both directions (a read with an `inc`, less the read)',
      most: 700,
      figures: loadedBytes(),
      unit: 'count',
      why: 'the request names the version that it holds, so the data need not come back',
    },
    {
      what: '`inc` with very many stored sessions, against 1,000',
      least: 0.9,
      figures: stored(),
      why: "every change uses the primary key; only the depth of the index grows, and less of it fits in a cache. mongo-java-server, which takes MongoDB's place, uses its index of ids only for a filter with nothing but the id: with any second condition, as in the hand-written command, it reads every document (28 to 37 ms instead of 1.7 with 100,000)",
    },
    {
      what: '`inc` that is not awaited, 64 KiB against 0.2 KiB, CPU of the application',
      most: 1.2,
      figures: sizes('inc that nobody awaits, by size'),
      why: 'the data does not reach the application, except with SQLite, which runs inside it',
    },
    {
      what: 'a read and then `inc`, 64 KiB against 0.2 KiB, CPU of the application',
      most: 1.2,
      figures: sizes('read, then inc, by size'),
      why: 'a read loads and parses the whole session; the change itself returns no data',
    },
    {
      what: "the library's own share of a request, µs",
      most: 12,
      figures: share(),
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
