import { describe, expect, it } from 'vitest'
import { type Statements, statements } from '../../src/stores/postgres/statements.ts'

const named = ({ change, direct, find, candidates, destroyAll, destroyThese, ...others }: Statements) => ({
  ...others,
  change,
  ...direct,
  find: find('user_id'),
  candidates: candidates('user_id'),
  destroyAll: destroyAll(`a.':b'`),
  destroyThese: destroyThese(`a.':b'`),
})
const all = named(statements('public', `odd ":id" ''`))
const telling = named(statements('public', 'sessions', { channel: 'told', changes: true }))

describe("the statements' parameters", () => {
  /** Each parameter's value is its own name. */
  const names = new Proxy({}, { get: (_, name) => name })

  it.each([...Object.entries(all), ...Object.entries(telling)])(
    '%s takes as many values as its text has numbers',
    (_, { text, valuesOf }) => {
      const numbers = [...text.matchAll(/\$(\d+)/g)].map(([, n]) => Number(n))
      const values = valuesOf(names)
      expect(values).toHaveLength(Math.max(...numbers))
      expect(new Set(values).size).toBe(values.length)
      expect(new Set(numbers).size).toBe(values.length)
    },
  )

  it('come in the order of the numbers', () => {
    expect(all.load.valuesOf({ id: '7', more: 1 })).toEqual(['7'])
    expect(all.page.text).toMatch(/s\.id > \$1 .* LIMIT \$2$/s)
    expect(all.page.valuesOf({ limit: 500, last: 'x' })).toEqual(['x', 500])
  })

  it('are not looked for within names and texts', () => {
    expect(all.destroyAll.text).toContain(`"odd "":id"" ''"`)
    expect(all.destroyAll.text).toContain(`'{a,'':b''}'`)
    expect(all.destroyThese.text).toContain(`jsonb_extract_path(data, 'a', ''':b''')`)
    expect(all.destroyAll.valuesOf(names)).toEqual(['value', 'except', 'limit'])
  })

  it('are those of statements that tell nothing where there is no listener', () => {
    expect(Object.values(all).filter(({ text }) => text.includes('pg_notify'))).toEqual([])
    expect(Object.values(telling).filter(({ text }) => text.includes("pg_notify('told'"))).toHaveLength(12)
  })

  it('are all there, or nothing is sent', () => {
    expect(() => all.page.valuesOf({ last: 'x' })).toThrow("the statement's parameter :limit has no value")
    expect(all.load.valuesOf({ id: null })).toEqual([null])
  })
})
