import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const SRC = new URL('../../src', import.meta.url).pathname
/** Modules of server languages are made: they have the lines of their text, because a server's errors count them. */
const MADE = /\.(lua|sql)\.ts$/
/** A function of the database is one text, and a comment more would make it another one, with a new name. */
const ONE_FUNCTION = 'stores/postgres/sql/apply.sql'

it('no file of src/ has over 350 lines, and one with over 300 says why', () => {
  const lines = (readdirSync(SRC, { recursive: true }) as string[])
    .filter((name) => /\.(ts|lua|sql)$/.test(name) && !MADE.test(name))
    .map((name) => ({ name, text: readFileSync(join(SRC, name), 'utf8') }))
    .map(({ name, text }) => ({ name, text, count: text.trimEnd().split('\n').length }))
  expect(lines.filter(({ count }) => count > 350).map(({ name, count }) => `${name}: ${count}`)).toEqual([])
  const long = lines.filter(({ name, count }) => count > 300 && name !== ONE_FUNCTION)
  const silent = long.filter(({ text }) => !/over 300\s+(\*\s+|-- )?lines/i.test(text))
  expect(silent.map(({ name, count }) => `${name}: ${count}`)).toEqual([])
})
