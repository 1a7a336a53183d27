import { memory } from 'koa-atomic-session/memory'
import { conformance, INDEXED_FIELDS } from 'koa-atomic-session/testing'
import { describe, it } from 'vitest'

const make = async () => memory({ max: 100_000 })

conformance({ describe, it }, make, { makeIndexed: async () => (await make()).indexed(INDEXED_FIELDS) })
