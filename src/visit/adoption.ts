import { apply, type Command, commands, type Data, Refusal } from '../algebra/index.ts'
import type { Store } from '../contract/store.ts'
import { conform } from '../data/schema.ts'
import { errorOf, InvalidPathError } from '../errors/index.ts'
import type { Adopted, Settings } from '../settings/options.ts'
import { check, EMPTY_STEP, withCommands } from './step.ts'

/** The data that an earlier session hands over, as a chain that sets each of its fields would make them. */
export function adopted(data: Adopted, store: Store, { schema, maxBytes }: Settings): Data {
  try {
    const step = withCommands(EMPTY_STEP, Object.entries(data ?? {}).map(setField))
    if (schema) conform(step.chain.commands, schema)
    check(step, store, maxBytes)
    const result = apply({}, step.chain, 0)
    if (!result.ok) throw errorOf(result.problem)
    return result.data
  } catch (error) {
    throw error instanceof Refusal ? errorOf(error.problem) : error
  }
}

/** An earlier session's keys are names, not paths. */
function setField([key, value]: [string, unknown]): Command {
  if (key.includes('.')) throw new InvalidPathError(key, "a key with '.' in it; hand it over by another name")
  return commands.set(key, value)
}
