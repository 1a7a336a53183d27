/** The parameters of a statement in the order of their names; throws if one has no value. */
export function inOrder<T>(names: readonly string[], parameters: Readonly<Record<string, T | undefined>>): T[] {
  return names.map((name) => {
    const value = parameters[name]
    if (value === undefined) throw new TypeError(`the statement's parameter :${name} has no value`)
    return value
  })
}
