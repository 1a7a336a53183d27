import type { Path } from '../algebra/index.ts'
import { innerKey, key } from '../data/key.ts'
import { SessionUsageError } from '../errors/index.ts'

/** What of a session is counted, and which of its lists are appended to, whoever else does so at the same moment. */
export interface Names {
  counter(path: Path): boolean
  list(path: Path): boolean
  /** Something that is named lies further down. */
  below(path: Path): boolean
}

/** Reads the options `counters` and `lists`: paths in which `*` stands for any one key. */
export function namesOf(counters: unknown = [], lists: unknown = []): Names {
  const counted = patterns(counters, 'counters')
  const listed = patterns(lists, 'lists')
  const all = [...counted, ...listed]
  return {
    counter: (path) => counted.some((pattern) => pattern.length === path.length && begins(pattern, path)),
    list: (path) => listed.some((pattern) => pattern.length === path.length && begins(pattern, path)),
    below: (path) => all.some((pattern) => pattern.length > path.length && begins(pattern, path)),
  }
}

function begins(pattern: Path, path: Path): boolean {
  return path.every((key, i) => pattern[i] === '*' || pattern[i] === key)
}

function patterns(names: unknown, option: string): Path[] {
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string' && name !== '')) {
    throw new SessionUsageError(`${option} takes a list of paths, such as ['views', 'cart.*']`)
  }
  return names.map((name: string) =>
    name.split('.').map((text, depth) => (text === '*' ? text : depth === 0 ? key(text) : innerKey(text))),
  )
}
