import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from 'koa-atomic-session'
import type { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { RESERVED } from '../../src/data/types.ts'
import { dataOf, visitor } from '../../src/testing/harness.ts'
import { expectAllRun, root, run, serve, writeExamples } from './examples.ts'
import { documented, PUBLIC } from './public.ts'

const [mongo, postgres, redis, mysql] = [inject('mongodb'), inject('postgres'), inject('redis'), inject('mariadb')]
const missing = [mongo, postgres, redis, mysql].some((server) => 'missing' in server)

const read = (file: string) => readFileSync(join(root, file), 'utf8')

describe('the front page and the reference', () => {
  const directory = process.cwd()
  const work = mkdtempSync(join(tmpdir(), 'readme-'))

  beforeAll(() => {
    writeExamples()
    if ('url' in mongo) process.env.MONGODB_URL = mongo.url
  })
  afterAll(() => {
    process.chdir(directory)
    rmSync(work, { recursive: true, force: true })
  })

  it('app: counts pages', async () => {
    process.chdir(work)
    const { visitor, stop } = await serve('app')
    expect(await visitor.text('/')).toBe('page 1, seen /')
    expect(await visitor.text('/a')).toBe('page 2, seen / /a')
    await stop()
  })

  it.skipIf('missing' in mongo)('original: keeps an ObjectId, updates, touches, and has its TTL index', async () => {
    const { visitor, example, stop } = await serve('original')
    const session = await visitor.json('/')
    expect(session).toEqual({ user_id: expect.stringMatching(/^[0-9a-f]{24}$/), message: 'hello' })
    const { client } = example as { client: MongoClient }
    const collection = client.db('readme').collection('sessions')
    const [document] = await collection.find({ 'data.message': 'hello' }).toArray()
    expect(document?.data.user_id._bsontype).toBe('ObjectId')
    expect(await collection.indexes()).toContainEqual(
      expect.objectContaining({ key: { expires: 1 }, expireAfterSeconds: 0 }),
    )
    await stop()
    await client.close()
  })

  it('types: refuses what does not fit', async () => {
    const { visitor, stop } = await serve('types')
    expect(await visitor.json('/')).toEqual(['/'])
    await stop()
  })

  it.skipIf(missing)('stores: every one of them keeps a session', async () => {
    process.chdir(work)
    if ('url' in postgres) process.env.DATABASE_URL = postgres.url
    if ('url' in mysql) process.env.MYSQL_URL = mysql.url
    if ('url' in redis) process.env.REDIS_URL = redis.url
    const stores = await run('stores')
    for (const store of Object.values<Store>(stores)) {
      await store.setup()
      const { access } = await visitor(store, { n: 1 })
      expect([store.name, await dataOf(store, access)]).toEqual([store.name, { n: 1 }])
    }
    const names = Object.values<Store>(stores).map(({ name }) => name)
    expect(names.sort()).toEqual(['memory', 'mongodb', 'mysql', 'postgres', 'redis', 'sqlite'])
    await stores.d.close()
  })

  it('list every reserved name, as a command or by itself', () => {
    const page = read('docs/reference/commands.md')
    const [, list] = /nor one of the session's own: (.*)\.$/m.exec(page)!
    const table = page.slice(page.indexOf('| command'), page.indexOf('A field of a session'))
    const commands = new Set([...table.matchAll(/[`]([a-zA-Z]+)\(/g)].map(([, name]) => name!))
    expect([...list!.split(', ').map((name) => name.replaceAll('`', '')), ...commands].sort()).toEqual(
      [...RESERVED].sort(),
    )
  })

  it('list every option', () => {
    const rows = read('docs/reference/options.md').matchAll(/^\| `(.*?)` +\|/gm)
    const options = /interface SessionOptions \{[\s\S]*?\n\}/.exec(read('src/settings/options.ts'))![0]
    const all = [...options.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name)
    expect([...rows].flatMap(([, names]) => names!.split('`, `')).sort()).toEqual(all.sort())
  })

  it.each(['api/types.ts', 'api/sessions.ts', 'koa/sessions.ts', 'api/chaining.ts'])(
    'name every method of %s',
    (file) => {
      const page = read('docs/reference/session.md') + read('docs/reference/commands.md')
      const [all] = documented(file, PUBLIC[file]!)
      const names = all!.map((name) => name.split('.')[1]!).filter((name) => name !== 'toJSON')
      expect(names.length).toBeGreaterThan(2)
      expect(names.filter((name) => !page.includes(`.${name}(`) && !page.includes(`\`${name}(`))).toEqual([])
    },
  )

  it('list every error with its status', () => {
    const rows = read('docs/reference/errors.md').matchAll(/^\| `(ERR_\w+)` +\| (\d+) /gm)
    const classes = read('src/errors/index.ts').matchAll(/readonly code = '(\w+)'\n {2}status = (\d+)/g)
    const pairs = (found: Iterable<RegExpExecArray>) => [...found].map(([, code, status]) => `${code} ${status}`).sort()
    expect(pairs(rows)).toEqual(pairs(classes))
  })

  it('have a heading over every column of the reference, and no empty cell', () => {
    for (const page of ['commands', 'session', 'options', 'errors'].map((name) => read(`docs/reference/${name}.md`)))
      expect(page.match(/^.*\| *\|.*$/gm) ?? []).toEqual([])
  })

  it('are all run', () => {
    expectAllRun(/^(README|docs\/(original|reference|stores\/README))/, [
      ...('missing' in mongo ? ['original'] : []),
      ...(missing ? ['stores'] : []),
    ])
  })
})
