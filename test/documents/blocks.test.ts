import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mysqlSchema } from 'koa-atomic-session/mysql'
import { postgresSchema } from 'koa-atomic-session/postgres'
import { describe, expect, it } from 'vitest'
import { parse } from '../../src/cli/options.ts'
import { begin } from '../../src/contract/record.ts'
import { toDocument } from '../../src/stores/mongodb/document.ts'
import { blocks, root } from './examples.ts'

const { name: own, scripts, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** What a block of each language can have done with it. */
const WAYS: Record<string, readonly string[]> = { ts: ['run', 'compile', 'alone'], js: ['compare'], sql: ['compare'] }

describe('code in the documents', () => {
  const code = blocks().filter(({ language }) => language in WAYS)

  it.each(code)('$document:$line, $language: $how $name', ({ document, language, how }) => {
    expect([document, WAYS[language]!.includes(how ?? 'nothing')]).toEqual([document, true])
  })

  it('has names of its own', () => {
    expect(new Set(code.map(({ name }) => name)).size).toBe(code.length)
  })

  it('is in a language that is checked, or in none', () => {
    expect([...new Set(blocks().map(({ language }) => language))].sort()).toEqual(['', 'diff', 'js', 'sh', 'sql', 'ts'])
  })
})

const named = (name: string) => plain(blocks().find((block) => block.name === name)!.code)
/** Without comments and with single spaces. */
const plain = (text: string) => text.replaceAll(/--.*$/gm, '').replaceAll(/\s+/g, ' ').trim()

describe('what the documents show of a database', () => {
  it("is PostgreSQL's table", () => {
    expect(plain(postgresSchema()).replace('IF NOT EXISTS ', '')).toContain(named('postgres_table'))
  })

  it("is MariaDB's and MySQL's table", () => {
    expect(plain(mysqlSchema()).replace('IF NOT EXISTS ', '')).toContain(named('mysql_table'))
  })

  it("is MongoDB's document", () => {
    const session = { id: 'x', hash: 'x', data: {}, maxAge: null, idle: 1, authenticated: false }
    const stored = toDocument(begin(session, 0))
    const fields = named('mongodb_document')
      .replaceAll(/\{ (hash, until, kind) \}/g, '')
      .replaceAll(/[{}\s]/g, '')
    expect(fields.split(',').map((field) => field.split(':')[0])).toEqual(Object.keys(stored))
  })
})

describe('command lines in the documents', () => {
  const lines = blocks()
    .filter(({ language }) => language === 'sh')
    .flatMap(({ document, code }) => code.split('\n').map((line) => ({ document, line: line.replace(/\s+#.*/, '') })))
    .filter(({ line }) => line !== '')

  // What makes a key is run by start.test.ts.
  const KEY = `export SESSION_KEY="$(node -p "crypto.randomBytes(32).toString('base64')")"`

  it.each(lines.filter(({ line }) => line !== KEY))('$document: $line', ({ line }) => {
    const [program, ...args] = line
      .replace(/^(?:[A-Z]+=\S+ )+/, '')
      .replaceAll(/[[\]]/g, '')
      .match(/'[^']*'|[^' ]+/g)!
      .map((word) => word.replaceAll("'", ''))
    if (program === 'export') expect(args.join(' ')).toMatch(/^STORE=|^\w+_URL=\w+:\/\/\S+$/)
    else if (program === 'node') expect(args).toEqual(['app.ts'])
    else if (program === 'npx') {
      expect(args.shift()).toBe('koa-atomic-session')
      // What it does is shown by the tests of the inspector.
      expect(parse([...args, '--store', 'x']).command).toBe(args[0])
    } else {
      const [command, name] = args
      expect(program).toBe('npm')
      if (command === 'run') expect(scripts).toHaveProperty(name!)
      else expect(['start', 'cit', 'install', 'test']).toContain(command)
      // What is installed is what these tests have tried.
      if (command === 'install')
        for (const wanted of args.slice(1)) expect([own, ...Object.keys(devDependencies)]).toContain(wanted)
    }
  })
})
