// What the servers' tests use of vitest, where there is no vitest: on Bun and on Deno. One test after the other.
import { createRequire } from 'node:module'

// Its module for `import` is empty on Bun.
export const { expect } = createRequire(import.meta.url)('expect')

const root = { name: '', before: [], after: [], tests: [] }
const rooms = [root]
const fill = (name, values) => values.reduce((text, value) => text.replace('%s', String(value)), name)
const rows = (list) => list.map((row) => [row].flat())

export function describe(name, body) {
  const outer = rooms.at(-1)
  const room = { name: `${outer.name} ${name}`, before: [], after: [], tests: [] }
  outer.tests.push(room)
  rooms.push(room)
  body()
  rooms.pop()
}
describe.each = (list) => (name, body) => {
  for (const row of rows(list)) describe(fill(name, row), () => body(...row))
}

export const it = (name, body) => void rooms.at(-1).tests.push({ name, body })
it.each = (list) => (name, body) => {
  for (const row of rows(list)) it(fill(name, row), () => body(...row))
}
it.skipIf = (left) => (left ? () => {} : it)

export const beforeEach = (hook) => void rooms.at(-1).before.push(hook)
export const afterEach = (hook) => void rooms.at(-1).after.push(hook)

/** Runs what was described; how many tests there were, and which have failed. */
export async function runAll() {
  const failed = []
  let count = 0
  const run = async (room, before, after) => {
    for (const one of room.tests) {
      if (one.tests) {
        await run(one, [...before, ...one.before], [...one.after, ...after])
        continue
      }
      count++
      try {
        for (const hook of before) await hook()
        await one.body()
      } catch (error) {
        failed.push([`${room.name}: ${one.name}`, error])
      }
      for (const hook of after) await hook()
    }
  }
  await run(root, root.before, root.after)
  return { count, failed }
}
