import type { CommandName } from './commands.ts'

/**
 * Why a chain is refused, as plain data, so that a database's own function can answer with one too.
 * `path` is always printed with dots; nothing in a problem repeats a value.
 */
export type Problem =
  /** The path itself can never be used. */
  | { readonly kind: 'path'; readonly path: string; readonly reason: string }
  /** The value, or the part of it at `path`, can never be kept. */
  | { readonly kind: 'value'; readonly path: string; readonly reason: string }
  /** Two commands of one chain touch the same place. */
  | { readonly kind: 'overlap'; readonly path: string; readonly other: string }
  /** The session holds something at `path` on which this command has no meaning. */
  | { readonly kind: 'type'; readonly path: string; readonly command: CommandName; readonly found: Found }
  /** The place that `if` named holds another value. */
  | { readonly kind: 'condition'; readonly path: string }
  /** The chain, or the session that it would make grow, is above the limit. */
  | { readonly kind: 'size'; readonly bytes: number; readonly limit: number }

/** What stands in a command's way. `element` is an element of a list, which `rename` can't move. */
export type Found =
  | 'null'
  | 'boolean'
  | 'number'
  | 'string'
  | 'date'
  | 'list'
  | 'object'
  | 'bson'
  | 'element'
  | 'a result that is no finite number'
  | 'a list that ends far before this index'

/** Carries a {@link Problem} out of a recursion; never leaves this folder. */
export class Refusal extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.kind)
    this.problem = problem
  }
}
