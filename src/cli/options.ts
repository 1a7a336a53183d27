import { parseArgs } from 'node:util'
import { type Path, parsePath, Refusal } from '../algebra/index.ts'
import { errorOf } from '../errors/index.ts'
import { type Edit, editOf } from './edit.ts'
import { UsageError } from './usage.ts'

export const HELP = `Shows, changes and removes the sessions in a store.

  koa-atomic-session list                    every live session
  koa-atomic-session show ID                 one session
  koa-atomic-session revoke ID               log one session out
  koa-atomic-session revoke --user 42        log out every session of a user
  koa-atomic-session set ID PATH VALUE       write a field; VALUE is JSON, or otherwise a text
  koa-atomic-session unset ID PATH …         remove fields
  koa-atomic-session touch ID DURATION       set the idle time, counted from now: '30 days'
  koa-atomic-session set --user 42 role user the same for every session of a user; also unset and touch
  koa-atomic-session prune                   remove expired sessions
  koa-atomic-session watch                   show what is created, changed and removed, until Ctrl-C
  koa-atomic-session schema                  print the SQL that creates PostgreSQL's table

  --store URL     redis://…, postgres://…, mysql://…, mongodb://… or a SQLite file; else the variable STORE
  --table NAME    the table or collection, if it is not 'sessions'
  --schema NAME   PostgreSQL's schema, if it is not 'public'
  --prefix TEXT   the beginning of the keys in Redis, if it is not 'session:'
  --user VALUE    only sessions of this user
  --field NAME    the field that holds the user (user_id)
  --sort COLUMN   list by id, user, created, expires, changes or bytes; numbers and times descend, ids and users ascend
  --limit N       list only the first N sessions
  --dry-run       revoke, set, unset and touch only list the sessions that they would change
  --data          show the sessions' data, which is hidden otherwise
  --json          one JSON object per line
  --every SECONDS how often watch polls (2)
  --index FIELD   a field of the option index, for schema; may be repeated
  --version       the version of this package

Exit codes: 0 done, 1 the store failed, 2 wrong usage, 3 nothing found.
`

const COMMANDS = [
  'list',
  'show',
  'revoke',
  'set',
  'unset',
  'touch',
  'prune',
  'watch',
  'schema',
  'help',
  'version',
] as const
export type CommandName = (typeof COMMANDS)[number]

export interface Options {
  readonly store: string
  readonly user: string | undefined
  readonly field: Path
  readonly data: boolean
  readonly json: boolean
  /** Milliseconds. */
  readonly every: number
  /** Where in the store its sessions are. */
  readonly place: { readonly table?: string; readonly schema?: string; readonly prefix?: string }
  readonly sort: Column | undefined
  readonly limit: number
  readonly dryRun: boolean
  readonly index: readonly string[]
  /** What set, unset and touch do; undefined for the other commands. */
  readonly edit: Edit | undefined
}

/** By what a list can be sorted. */
export const SORTS = ['id', 'user', 'created', 'expires', 'changes', 'bytes'] as const
export type Column = (typeof SORTS)[number]

/** Options that only these commands take: elsewhere they would say something that does not happen. */
const ONLY: Readonly<Record<string, readonly CommandName[]>> = {
  sort: ['list'],
  limit: ['list'],
  'dry-run': ['revoke', 'set', 'unset', 'touch'],
  every: ['watch'],
  index: ['schema'],
  data: ['list', 'show', 'watch'],
}

/** @throws {@link UsageError} */
export function parse(args: readonly string[]): { command: CommandName; id: string | undefined; options: Options } {
  const { values, positionals } = read(args)
  const [name = 'help', ...ids] = positionals
  const command = values.help ? 'help' : values.version ? 'version' : COMMANDS.find((one) => one === name)
  if (!command) throw new UsageError(`No command is called '${name}': use ${COMMANDS.join(', ')}`)
  for (const [option, commands] of Object.entries(ONLY)) {
    if (option in values && command !== 'help' && !commands.includes(command))
      throw new UsageError(`${command} takes no --${option}: it is for ${commands.join(', ')}`)
  }
  const edits = command === 'set' || command === 'unset' || command === 'touch'
  const named = command === 'show' || command === 'revoke' || (edits && values.user === undefined)
  const [id, more] = named ? [ids[0], ids.slice(1)] : [undefined, ids]
  if (!edits && more.length > 0) throw new UsageError(`${command} takes no '${more[0]}'`)
  const store = values.store || process.env.STORE
  if (!store && command !== 'help' && command !== 'version') {
    throw new UsageError('Which store? Pass --store redis://localhost:6379, or set the variable STORE')
  }
  if (command === 'show' && !id) throw new UsageError("Which session? show ID, with an id that 'list' prints")
  if (command === 'revoke' && (id === undefined) === (values.user === undefined)) {
    throw new UsageError('Which session? revoke ID, or revoke --user 42')
  }
  if (edits && named && !id) throw new UsageError(`Which session? ${command} ID …, or ${command} --user 42 …`)
  if (edits && !named && ID.test(more[0] ?? '')) {
    throw new UsageError(`Which session? ${command} ID …, or ${command} --user 42 …, but not both`)
  }
  const edit = edits ? editOf(command, more) : undefined
  const every = Number(values.every ?? 2) * 1000
  if (!(every >= 100 && every <= 3_600_000)) throw new UsageError('--every takes seconds, from 0.1 to 3600')
  const { user, data = false, json = false, index = [], 'dry-run': dryRun = false } = values
  const sort = SORTS.find((one) => one === values.sort)
  if (values.sort !== undefined && !sort) throw new UsageError(`--sort takes ${SORTS.join(', ')}`)
  const limit = Number(values.limit ?? Number.POSITIVE_INFINITY)
  if (!(limit >= 1) || (values.limit !== undefined && !Number.isInteger(limit)))
    throw new UsageError('--limit takes a whole number from 1')
  for (const field of index) fieldOf(field, '--index')
  const { table, schema, prefix } = values
  const place = { ...(table && { table }), ...(schema && { schema }), ...(prefix && { prefix }) }
  const field = fieldOf(values.field)
  return {
    command,
    id,
    options: { store: store ?? '', user, field, data, json, every, place, sort, limit, dryRun, index, edit },
  }
}

function fieldOf(name = 'user_id', option = '--field'): Path {
  try {
    return parsePath(name)
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(`${option}: ${errorOf(error.problem).message}`)
    throw error
  }
}

const ID = /^[\w-]{22}$/
/** One id in 64 begins with '-' and is no option all the same. */
const ID_LIKE_OPTION = /^-[\w-]{21}$/
/** Before such an id, while the options are told apart from the rest. */
const HIDING = ' '

function read(args: readonly string[]) {
  const end = args.includes('--') ? args.indexOf('--') : args.length
  const hidden = args.map((arg, i) => (i < end && ID_LIKE_OPTION.test(arg) ? HIDING + arg : arg))
  try {
    const { values, positionals } = parseArgs({
      args: hidden,
      allowPositionals: true,
      options: {
        store: { type: 'string' },
        table: { type: 'string' },
        schema: { type: 'string' },
        prefix: { type: 'string' },
        sort: { type: 'string' },
        limit: { type: 'string' },
        index: { type: 'string', multiple: true },
        'dry-run': { type: 'boolean' },
        version: { type: 'boolean', short: 'v' },
        user: { type: 'string' },
        field: { type: 'string' },
        every: { type: 'string' },
        data: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    return { values, positionals: positionals.map((arg) => (args.includes(arg) ? arg : arg.slice(HIDING.length))) }
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
