/**
 * Why a chain is refused. It is plain data, so a database's own function can answer with it too. `path` is always printed
 * with dots. A problem never repeats a value.
 */
export type Problem =
  /** No session can have this path. */
  | { readonly kind: 'path'; readonly path: string; readonly reason: string }
  /** No session can hold this value, or the part of it at `path`. */
  | { readonly kind: 'value'; readonly path: string; readonly reason: string }
  /** Two commands of one chain change the same value, or one changes a part of the other's. */
  | { readonly kind: 'overlap'; readonly path: string; readonly other: string }
  /** The session holds a value at `path` that this command does not work on. */
  | { readonly kind: 'type'; readonly path: string; readonly command: string; readonly found: Found }
  /** The path that `if` named holds another value. */
  | { readonly kind: 'condition'; readonly path: string }
  /** The chain, or the session that it would make larger, is above the limit. */
  | { readonly kind: 'size'; readonly bytes: number; readonly limit: number }

/** What a command has met and does not work on. `element` is an element of a list, which `rename` can't move. */
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
