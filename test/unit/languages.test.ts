import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const tool = join(root, 'tools', 'languages.mjs')

it('every module of Lua or SQL is what the file beside it says', () => {
  const { stdout, stderr, status } = spawnSync('node', [tool, '--check'], { cwd: root, encoding: 'utf8' })
  expect([stderr, status]).toEqual(['', 0])
  expect(stdout).toMatch(/^\d+ texts in Lua and SQL, 0 stale/)
})

describe('a module that is made from Lua or SQL', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'languages-'))
    mkdirSync(join(folder, 'src'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const write = (files: Record<string, string>) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'src', name), text)
  }
  const run = (...words: string[]) => spawnSync('node', [tool, ...words], { cwd: folder, encoding: 'utf8' })
  const made = async (name: string) => {
    const { stderr } = run()
    expect(stderr).toBe('')
    return import(/* @vite-ignore */ join(folder, 'src', name))
  }

  it('has the text line by line, without comments and indentation', async () => {
    const odd = ['`$', '{z}\\n--'].join('')
    write({ 'one.lua': `-- head\nif x then\n  -- why\n  y('${odd}') -- kept\n  z = 1 -- not kept\nend\n` })
    const { ONE_LUA } = await made('one.lua.ts')
    expect(ONE_LUA.split('\n')).toEqual(['', 'if x then', '', `y('${odd}') -- kept`, 'z = 1', 'end'])
    // The line in an error message of the server is the module's own.
    expect(readFileSync(join(folder, 'src', 'one.lua.ts'), 'utf8').split('\n')[4]).toBe('z = 1')
  })

  it('gets constants of other modules, and is a function where it takes what is known later', async () => {
    write({
      'limits.ts': 'export const LIMIT = 7\n',
      'two.sql':
        "-- @from ./limits.ts LIMIT\n-- @takes TABLE_NAME\nSELECT 'LIMIT', LIMITS FROM TABLE_NAME LIMIT LIMIT\n",
    })
    const { TWO_SQL } = await made('two.sql.ts')
    expect(TWO_SQL({ TABLE_NAME: 'sessions' }).trim()).toBe("SELECT '7', LIMITS FROM sessions 7 7")
  })

  it('shares its names with TypeScript', async () => {
    write({
      'three.lua':
        '-- @names known\nlocal\n  version, -- counts\n  hash -- of the secret\n' +
        'KNOWN = string.match(line, KNOWN_PATTERN)\nline = KNOWN_LIST\nn = KNOWN_COUNT\n',
    })
    const { THREE_LUA, KNOWN } = await made('three.lua.ts')
    expect(KNOWN).toEqual(['version', 'hash'])
    expect(THREE_LUA.split('\n').slice(4)).toEqual([
      "version, hash = string.match(line, '^%[([^,]+),(.+)%]$')",
      "line = '[' .. version .. ',' .. hash .. ']'",
      'n = 2',
    ])
  })

  it('includes other files, and says where each line is from', async () => {
    write({ 'four.lua': 'a = 1\n-- @include part.lua\nb = 2\n', 'part.lua': '-- head\nc = 3\n' })
    const { FOUR_LUA } = await made('four.lua.ts')
    expect(FOUR_LUA).toBe('a = 1\n\nc = 3\nb = 2')
    expect(run('where', 'src/four.lua', '3').stdout.trim()).toBe('src/part.lua:2: c = 3')
    expect(run('where', 'src/four.lua', '4').stdout.trim()).toBe('src/four.lua:3: b = 2')
    expect(run('where', 'src/four.lua', '9').status).toBe(1)
  })

  it('is stale when its file has changed, and an orphan when that is gone', () => {
    write({ 'five.lua': 'a = 1\n' })
    execFileSync('node', [tool], { cwd: folder })
    expect(run('--check').status).toBe(0)
    write({ 'five.lua': 'a = 2\n' })
    expect(run('--check')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/five\.lua\.ts .* npm run languages/),
    })
    rmSync(join(folder, 'src', 'five.lua'))
    expect(run('--check')).toMatchObject({ status: 1, stderr: expect.stringMatching(/remove it/) })
  })

  it('is refused where a directive makes no sense, with the line', () => {
    for (const [text, why] of [
      ['a = 1\n-- @use b', /six\.lua:2: no such directive: @use/],
      ['-- @from limits.ts', /six\.lua:1: write: @from/],
      ['-- @from ./limits.ts LIMIT\na = 1', /six\.lua:1: LIMIT is declared and not used/],
      ['-- @takes A\n-- @takes A\nA()', /six\.lua:2: A is declared twice/],
      ['-- @names a\nlocal b, c', /six\.lua:2: after @names/],
      ['-- @names a\nlocal\n  b, c', /six\.lua:3: one name a line/],
    ] as const) {
      write({ 'six.lua': text })
      const { status, stderr } = run()
      expect([text, status]).toEqual([text, 1])
      expect(stderr).toMatch(why)
    }
  })
})
