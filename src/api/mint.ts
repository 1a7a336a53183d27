import { isDate } from '../algebra/index.ts'
import type { SessionRecord } from '../contract/store.ts'
import { newId, newSecret, writeCredential } from '../cookie/credential.ts'
import { keygripOf } from '../cookie/keys.ts'
import { SessionUsageError } from '../errors/index.ts'
import { assertNames } from '../settings/names.ts'
import { beginning, newSession } from '../visit/beginning.ts'
import { NO_EARLIER } from '../visit/earlier.ts'
import type { Host } from '../visit/exchange.ts'
import { newState } from '../visit/state.ts'
import { EMPTY_STEP, extended, withCommands } from '../visit/step.ts'
import { assignments } from './commands.ts'

/** Options of `mint`. */
export interface MintOptions {
  /**
   * When the visitor logged in, by the store's clock: as after `rotate({ authenticated: true })` at that time.
   * @default not logged in
   */
  readonly authAt?: Date | undefined
}

/** A session that `mint` has made. */
export interface Minted {
  /** What a client sends in its Cookie header: `sid=s.…`. Anyone who has it has the session. */
  readonly cookie: string
  readonly id: string
}

/** What was minted, as it is stored. */
interface Made extends Minted {
  readonly record: SessionRecord
  readonly login: boolean
}

/** Makes a session without a request, as the first chain of one would. What is wrong is refused before any I/O. */
export async function mint(
  host: Pick<Host, 'settings' | 'store' | 'reliable' | 'keys'>,
  data: unknown,
  options: MintOptions,
): Promise<Made> {
  assertNames(options, ['authAt'], 'mint()')
  const { authAt } = options
  if (authAt !== undefined && !(isDate(authAt) && !Number.isNaN(authAt.getTime()))) {
    throw new SessionUsageError('authAt of mint() must be a Date: mint(data, { authAt: new Date() })')
  }
  const { settings, store, reliable, keys } = host
  const rotate = authAt && { grace: 0, authenticated: true }
  const step = { ...extended(EMPTY_STEP, (empty) => withCommands(empty, assignments(data)), host), rotate }
  if (step.chain.commands.length === 0) {
    throw new SessionUsageError('mint() needs data, mint({ user_id: 42 }): an empty session is not stored')
  }
  const { name } = settings.cookie
  const credential = newSecret(newId())
  const { id } = credential
  const cookie = `${name}=${writeCredential(credential, name, keygripOf(keys()))}`
  const { state, result } = beginning(step, newState(), NO_EARLIER)
  const session = newSession(step, state, result, credential, settings.idle)
  const record = await reliable.create({ ...session, ...(authAt && { authAt: authAt.getTime() }) })
  if (!record) throw new SessionUsageError(`The ${store.name} store says that a random id is taken`)
  return { cookie, id, record, login: authAt !== undefined }
}
