/** A parameter of a script; undefined and false are absent. */
export type Word = string | number | boolean | null | undefined

/** The parameters of an action in the order of their names, as texts: `''` for an absent one, `'1'` for true. */
export function wordsOf<Name extends string>(names: readonly Name[], values: Readonly<Record<Name, Word>>): string[] {
  return names.map((name) => textOf(values[name]))
}

function textOf(value: Word): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === false) return ''
  return value === true ? '1' : String(value)
}
