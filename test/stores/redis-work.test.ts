import { redis } from 'koa-atomic-session/redis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type Command, commands, type Data } from '../../src/algebra/index.ts'
import type { Store } from '../../src/contract/store.ts'
import { SCRIPT_LUA } from '../../src/stores/redis/script.lua.ts'
import { chainOf, changed, changeOf, visitor } from '../../src/testing/harness.ts'

const server = inject('redis')

/** The script, which counts the characters that it looks at, copies and sorts. */
const COUNTING = `
local characters = 0
local string_find, string_sub, table_concat = string.find, string.sub, table.concat
local string = setmetatable({
  find = function(s, pattern, from, plain)
    local first, last, word = string_find(s, pattern, from, plain)
    characters = characters + (last or #s) - (from or 1) + 1
    return first, last, word
  end,
  sub = function(s, from, to)
    local part = string_sub(s, from, to)
    characters = characters + #part
    return part
  end,
}, { __index = string })
local table = setmetatable({
  concat = function(parts, separator)
    local text = table_concat(parts, separator)
    characters = characters + #text
    return text
  end,
}, { __index = table })
local function script()
${SCRIPT_LUA}
end
local reply = script()
redis.call('SET', 'characters', characters)
return reply`

describe.skipIf('missing' in server)('the work of the script on Redis', () => {
  const client = createClient({ url: 'url' in server ? server.url : 'redis://none' })
  let store: Store
  beforeAll(async () => {
    await client.connect()
    const run = (script: string, options: { keys: string[]; arguments: string[] }) =>
      client.eval(script === SCRIPT_LUA ? COUNTING : script, options)
    const forgotten = () => Promise.reject(new Error('NOSCRIPT'))
    store = redis({ evalSha: forgotten, eval: run, connect: () => client.connect() }, { prefix: 'redis work:' })
  })
  afterAll(() => client.close())

  async function work(data: Data, list: Command[]): Promise<number> {
    const { access } = await visitor(store, data)
    changed(await store.update(access, changeOf(chainOf(list), { maxBytes: 1e6 })))
    return Number(await client.get('characters'))
  }

  const { set, addToSet, pullAll, pull } = commands
  const numbers = (size: number, from = 0) => Array.from({ length: size }, (_, i) => [1000 + from + i])
  const fields = (size: number) => Object.fromEntries(numbers(size).map(([i]) => [`key${i}`, i!]))
  it.each<[string, (size: number) => [Data, Command[]]]>([
    ['addToSet', (size) => [{ list: numbers(size) }, [addToSet('list', numbers(size, size))]]],
    ['pullAll', (size) => [{ list: numbers(size) }, [pullAll('list', numbers(size, size))]]],
    ['pull by fields', (size) => [{ list: [fields(size)] }, [pull('list', fields(size))]]],
    [
      'pull of a large object from many small ones',
      (size) => [{ list: numbers(size).map(() => ({})) }, [pull('list', fields(size))]],
    ],
    [
      'many paths into one object',
      (size) => [{ large: fields(size) }, Object.keys(fields(size)).map((key) => set(`large.${key}`, 1))],
    ],
    ['many paths into a new object', (size) => [{}, Object.keys(fields(size)).map((key) => set(`large.${key}`, 1))]],
  ])('grows with the session and the chain, and not with their product: %s', async (_, of) => {
    const [few, many] = [await work(...of(25)), await work(...of(250))]
    expect(few).toBeGreaterThan(100)
    expect(many).toBeLessThan(15 * few)
  })
})
