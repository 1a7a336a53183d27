import { parseArgs } from 'node:util'
import { type Path, parsePath, Refusal } from '../algebra/index.ts'
import { errorOf } from '../errors/index.ts'

export const HELP = `Shows and removes the sessions of a store.

  koa-atomic-session list                    every live session
  koa-atomic-session show ID                 one session
  koa-atomic-session revoke ID               log one session out
  koa-atomic-session revoke --user 42        log out every session of a user
  koa-atomic-session prune                   remove what has expired
  koa-atomic-session watch                   what is created, changed and removed, until Ctrl-C

  --store URL     redis://…, postgres://…, mysql://…, mongodb://… or a SQLite file; else the variable STORE
  --user VALUE    only sessions of this user
  --field NAME    the field that holds the user (user_id)
  --data          show the sessions' data, which are hidden otherwise
  --json          one JSON object a line
  --every SECONDS how often watch looks (2)

Exit codes: 0 done, 1 the store failed, 2 wrong usage, 3 nothing found.
`

const COMMANDS = ['list', 'show', 'revoke', 'prune', 'watch', 'help'] as const
export type CommandName = (typeof COMMANDS)[number]

export interface Options {
  readonly store: string
  readonly user: string | undefined
  readonly field: Path
  readonly data: boolean
  readonly json: boolean
  /** Milliseconds. */
  readonly every: number
}

/** The arguments say something that can't be done. */
export class UsageError extends Error {}

/** @throws {@link UsageError} */
export function parse(args: readonly string[]): { command: CommandName; id: string | undefined; options: Options } {
  const { values, positionals } = read(args)
  const [name = 'help', ...ids] = positionals
  const command = values.help ? 'help' : COMMANDS.find((one) => one === name)
  if (!command) throw new UsageError(`No command is called '${name}': use ${COMMANDS.join(', ')}`)
  const [id, ...more] = command === 'show' || command === 'revoke' ? ids : [undefined, ...ids]
  if (more.length > 0) throw new UsageError(`${command} takes no '${more[0]}'`)
  const store = values.store || process.env.STORE
  if (!store && command !== 'help') {
    throw new UsageError('Which store? Pass --store redis://localhost:6379, or set the variable STORE')
  }
  if (command === 'show' && !id) throw new UsageError("Which session? show ID, with an id that 'list' prints")
  if (command === 'revoke' && (id === undefined) === (values.user === undefined)) {
    throw new UsageError('Which session? revoke ID, or revoke --user 42')
  }
  const every = Number(values.every ?? 2) * 1000
  if (!(every >= 100 && every <= 3_600_000)) throw new UsageError('--every takes seconds, from 0.1 to 3600')
  const { user, data = false, json = false } = values
  return { command, id, options: { store: store ?? '', user, field: fieldOf(values.field), data, json, every } }
}

function fieldOf(name = 'user_id'): Path {
  try {
    return parsePath(name)
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(`--field: ${errorOf(error.problem).message}`)
    throw error
  }
}

/** One id in 64 begins with '-' and is no option all the same. */
const ID_LIKE_OPTION = /^-[\w-]{21}$/

function read(args: readonly string[]) {
  const ids = args.includes('--') ? [] : args.filter((arg) => ID_LIKE_OPTION.test(arg))
  try {
    return parseArgs({
      args: ids.length > 0 ? [...args.filter((arg) => !ids.includes(arg)), '--', ...ids] : [...args],
      allowPositionals: true,
      options: {
        store: { type: 'string' },
        user: { type: 'string' },
        field: { type: 'string' },
        every: { type: 'string' },
        data: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
