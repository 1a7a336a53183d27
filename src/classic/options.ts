import { SessionUsageError } from '../errors/index.ts'
import { type Names, namesOf } from './names.ts'

/** Which fields are counters or lists, so simultaneous requests lose nothing in them. */
export interface ClassicOptions {
  /**
   * Counters: `['views', 'cart.*']`, where `*` is any one key. A request's difference is added.
   * @default none
   */
  readonly counters?: readonly string[]
  /**
   * Lists: `['flash.*']`. What a request appends is appended, and it removes only what it has seen.
   * @default none
   */
  readonly lists?: readonly string[]
}

/** The names that the options give; throws for what is no option. */
export function checked(options: ClassicOptions): Names {
  for (const name of Object.keys(options)) {
    if (name !== 'counters' && name !== 'lists') {
      throw new SessionUsageError(`classic has no option '${name}': it takes counters and lists`)
    }
  }
  return namesOf(options.counters, options.lists)
}
