import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from 'koa-atomic-session/sqlite'
import { conformance, INDEXED_FIELDS, type Telling } from 'koa-atomic-session/testing'
import { afterAll, describe, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'sessions-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Fewer, and always the same, where they run for each rule that was broken. */
const drawn = process.env.MUTATE_TESTS ? { cases: 300, seed: 25 } : {}

let files = 0
const make = async () => sqlite(join(folder, `${++files}.db`))

const makeIndexed = async () => (await make()).indexed(INDEXED_FIELDS)
const makeBeside = async () => {
  const plain = await make()
  return { plain, indexed: sqlite(join(folder, `${files}.db`)).indexed(INDEXED_FIELDS) }
}
const makeTelling = async () => {
  const here = (await makeIndexed()) as Telling['here']
  return { here, elsewhere: sqlite(join(folder, `${files}.db`)).indexed(INDEXED_FIELDS) }
}
conformance({ describe, it }, make, { makeIndexed, makeBeside, makeTelling, ...drawn })
