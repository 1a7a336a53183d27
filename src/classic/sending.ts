import { setTimeout as pause } from 'node:timers/promises'
import { type Chain, printPath } from '../algebra/index.ts'
import type { SessionChain, SessionHandle } from '../api/types.ts'
import { ConditionFailedError, isSessionError } from '../errors/index.ts'
import { difference } from './difference.ts'
import type { Change, SessionObject } from './object.ts'
import { overlay } from './overlay.ts'

// biome-ignore lint/suspicious/noExplicitAny: the fields of a session that nobody has described
type Fields = any

/** What goes with a chain. */
export interface Besides {
  readonly touch: { readonly maxAge: number | null | undefined } | undefined
  readonly rotate: boolean
}

/** For how long changes are laid over what others change meanwhile, in milliseconds. */
const PATIENCE = 2000
const LONGEST_PAUSE = 64

/**
 * Stores a change, and lays it over what others have stored meanwhile as often as they come in between.
 *
 * @throws `ConditionFailedError` (409) when others have come in between for 2 seconds.
 */
export async function store(
  handle: SessionHandle<Fields>,
  object: SessionObject,
  change: Change,
  besides: Besides,
): Promise<void> {
  const until = performance.now() + PATIENCE
  const { before } = object
  const { after, lens } = change
  let { chain } = change
  for (let longest = 1; !isEmpty(chain) || besides.touch || besides.rotate; longest *= 2) {
    try {
      await send(handle, chain, besides)
      return
    } catch (error) {
      if (!isConflict(error)) throw error
      if (performance.now() > until) throw new ConditionFailedError(error.path)
    }
    // At random, so that those who have met don't meet again.
    await pause(Math.random() * Math.min(longest, LONGEST_PAUSE))
    const theirs = object.visible((await handle.update()).data)
    const laid = overlay(before, after, theirs, lens)
    chain = difference(theirs, laid.data, { names: lens.names, origin: laid.origin })
  }
}

export function isEmpty({ commands }: Chain): boolean {
  return commands.length === 0
}

/** The session has ended for this request: destroyed, expired, or rotated by another. */
export function isOver(error: unknown): boolean {
  return isSessionError(error) && (error.code === 'ERR_SESSION_GONE' || error.code === 'ERR_SESSION_ROTATED')
}

export function isGone(error: unknown): boolean {
  return isSessionError(error) && error.code === 'ERR_SESSION_GONE'
}

function isConflict(error: unknown): error is { path: string } {
  return isSessionError(error) && (error.code === 'ERR_SESSION_CONDITION' || error.code === 'ERR_SESSION_TYPE')
}

/** The difference in the words of the public interface. */
async function send(handle: SessionHandle<Fields>, { commands, conditions }: Chain, { touch, rotate }: Besides) {
  let chain: SessionHandle<Fields> | SessionChain<Fields> = handle
  if (rotate) chain = chain.rotate()
  if (touch) chain = chain.touch(touch.maxAge)
  for (const { path, value } of conditions) {
    const at = printPath(path)
    chain = value === undefined ? chain.ifMissing(at) : chain.if(at, value)
  }
  for (const command of commands) {
    const path = printPath(command.path)
    if (command.kind === 'set') chain = chain.set(path, command.value)
    else if (command.kind === 'unset') chain = chain.unset(path)
    else if (command.kind === 'inc') chain = chain.inc(path, command.by)
    else if (command.kind === 'pullAll') chain = chain.pullAll(path, command.values)
    else if (command.kind === 'push') {
      const { slice } = command
      chain = chain.pushAll(path, command.values, slice === undefined ? {} : { slice })
    }
  }
  await chain
}
