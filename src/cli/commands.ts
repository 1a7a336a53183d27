import { type Value, valueAt } from '../algebra/index.ts'
import { accessFromOutside } from '../contract/record.ts'
import type { InspectableStore, SessionRecord, Store } from '../contract/store.ts'
import { applyEdit } from './edit.ts'
import type { Column, CommandName, Options } from './options.ts'
import { type Output, type Row, rowOf, textOf } from './output.ts'

interface Call {
  readonly store: InspectableStore
  readonly id: string | undefined
  readonly options: Options
  readonly output: Output
}

/** Each command answers whether it has found what it was asked for. */
export const COMMANDS: Readonly<
  Record<Exclude<CommandName, 'help' | 'version' | 'schema'>, (call: Call) => Promise<boolean>>
> = {
  async list(call) {
    const { options, output } = call
    const { sort, limit, json } = options
    let count = 0
    let first: Row[] = []
    for await (const record of matching(call)) {
      const row = rowOf(record, userOf(record, options), options.data)
      count++
      if (!sort) output.row(row)
      else first.push(row)
      if (!sort && count === limit) break
      // Never many more than are to be shown.
      if (first.length > 2 * limit + 1000) first = sorted(first, sort!).slice(0, limit)
    }
    if (sort) for (const row of sorted(first, sort).slice(0, limit)) output.row(row)
    if (!json) output.line(told(count, limit, sort !== undefined))
    return options.user === undefined || count > 0
  },

  async show({ store, id, options, output }) {
    const record = await store.get(id!)
    if (record) output.details(rowOf(record, userOf(record, options), options.data))
    else output.result(`No live session has the id ${id}`, { id, found: false })
    return record !== undefined
  },

  async revoke(call) {
    const meant = await found(call)
    if (call.options.dryRun) return wouldBe('revoked', 'wouldRevoke', meant, call.output)
    let revoked = 0
    for (const [i, { id, created }] of meant.entries()) {
      call.output.progress('revoking', i, meant.length)
      if (await destroy(call.store, { id, created })) revoked++
    }
    call.output.result(`${sessions(revoked)} revoked`, { revoked })
    return revoked > 0
  },

  set: edit,
  unset: edit,
  touch: edit,

  async prune({ store, output }) {
    // One statement on most stores: nobody can tell how far it is.
    output.progress('pruning')
    const pruned = await store.prune()
    output.result(`${pruned} expired sessions removed`, { pruned })
    return true
  },

  /** Looks again and again, because no database of all these tells by itself; what comes and goes in between is missed. */
  async watch(call) {
    const { options, output } = call
    const stop = new Promise<'stop'>((resolve) => process.once('SIGINT', () => resolve('stop')))
    let known: Map<string, Row> | undefined
    for (;;) {
      const now = new Map<string, Row>()
      for await (const record of matching(call)) {
        now.set(record.id, rowOf(record, userOf(record, options), options.data))
      }
      output.clear()
      for (const row of now.values()) {
        const before = known?.get(row.id)
        if (known && !before) output.row(row, '+')
        if (before && before.changes !== row.changes) output.row(row, '~')
      }
      for (const row of known?.values() ?? []) if (!now.has(row.id)) output.row(row, '-')
      if (!known && !options.json) output.line(`watching ${now.size} sessions, Ctrl-C ends it`)
      known = now
      let timer: NodeJS.Timeout | undefined
      const pause = new Promise<'go on'>((resolve) => {
        timer = setTimeout(() => resolve('go on'), options.every)
      })
      if ((await Promise.race([pause, stop])) === 'stop') {
        clearTimeout(timer)
        return true
      }
    }
  },
}

/** What a command on several sessions is about, without their data, which may be large. */
interface Meant extends Pick<SessionRecord, 'id' | 'created'> {
  readonly user: Value | undefined
}

/** The session of the id, or those of the user; shown where nothing is to happen. */
async function found(call: Call): Promise<Meant[]> {
  const { store, id, options, output } = call
  const meant: Meant[] = []
  const consider = (record: SessionRecord) => {
    const user = userOf(record, options)
    meant.push({ id: record.id, created: record.created, user })
    if (options.dryRun) output.row(rowOf(record, user, false))
  }
  if (id === undefined) for await (const record of matching(call)) consider(record)
  else [(await store.get(id)) ?? []].flat().forEach(consider)
  return meant
}

function wouldBe(done: string, key: string, { length }: readonly Meant[], output: Output): boolean {
  output.result(`${sessions(length)} would be ${done}`, { [key]: length })
  return length > 0
}

/** `set`, `unset` and `touch`: one after another, and each only while it is the user's. */
async function edit(call: Call): Promise<boolean> {
  const { store, id, options, output } = call
  const meant = await found(call)
  if (options.dryRun) return wouldBe('changed', 'wouldChange', meant, output)
  let changed = 0
  for (const [i, one] of meant.entries()) {
    output.progress('changing', i, meant.length)
    const theirs = id === undefined ? { path: options.field, value: one.user } : undefined
    try {
      if (await applyEdit(store, one, options.edit!, theirs)) changed++
    } catch (error) {
      if (changed > 0) output.note(`${sessions(changed)} changed before it failed`)
      throw error
    }
  }
  output.result(`${sessions(changed)} changed`, { changed })
  return changed > 0
}

function sessions(count: number): string {
  return count === 1 ? '1 session' : `${count} sessions`
}

/** The newest, latest, largest first; what is a name in its own order. */
function sorted(rows: readonly Row[], by: Column): Row[] {
  const names = by === 'id' || by === 'user'
  const key = (row: Row) => (by === 'user' ? (textOf(row.user) ?? '') : row[by])
  const compare = (a: Row, b: Row) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0)
  return [...rows].sort((a, b) => (names ? compare(a, b) : compare(b, a)))
}

/** How many sessions there are, as far as that is known. */
function told(count: number, limit: number, all: boolean): string {
  if (count < limit || (all && count === limit)) return sessions(count)
  return all ? `the first ${limit} of ${sessions(count)}` : `the first ${sessions(count)}`
}

async function* matching({ store, options, output }: Call): AsyncIterable<SessionRecord> {
  let looked = 0
  let foreign = 0
  for await (const record of store.list(() => foreign++)) {
    output.progress('reading sessions,', ++looked)
    // As text, because a shell knows no other type.
    if (options.user === undefined || textOf(userOf(record, options)) === options.user) yield record
  }
  if (foreign > 0)
    output.note(
      foreign === 1
        ? '1 record is not a session of this library, and was skipped'
        : `${foreign} records are not sessions of this library, and were skipped`,
    )
}

function userOf({ data }: SessionRecord, { field }: Options): Value | undefined {
  return valueAt(data, field)
}

/** By its `created`, so a session that takes the same id meanwhile is another one. */
function destroy(store: Store, { id, created }: Pick<SessionRecord, 'id' | 'created'>): Promise<boolean> {
  return store.destroy(accessFromOutside({ id, created }))
}
