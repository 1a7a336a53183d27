import { SessionUsageError } from '../errors/index.ts'
import { type Names, namesOf } from './names.ts'

/** What of a session is counted or appended to, so that requests at the same moment lose nothing of it. */
export interface ClassicOptions {
  /**
   * Numbers that are counted: `['views', 'cart.*']`, where `*` is any one key. What a request adds is added.
   * @default none
   */
  readonly counters?: readonly string[]
  /**
   * Lists that are appended to: `['flash.*']`. What a request appends is appended, and of what it removes only what it
   * has seen.
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
