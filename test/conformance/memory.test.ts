import { memory } from 'koa-atomic-session/memory'
import { conformance, INDEXED_FIELDS, type Telling } from 'koa-atomic-session/testing'
import { describe, it } from 'vitest'

/** Fewer, and always the same, where they run for each rule that was broken. */
const drawn = process.env.MUTATE_TESTS ? { cases: 300, seed: 25 } : {}

const make = async () => memory({ max: 100_000 })
const makeIndexed = async () => (await make()).indexed(INDEXED_FIELDS)
const makeTelling = async () => {
  const store = (await makeIndexed()) as Telling['here']
  return { here: store, elsewhere: store }
}

conformance({ describe, it }, make, { makeIndexed, makeTelling, ...drawn })
