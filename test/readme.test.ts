import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type Koa from 'koa'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { KEY, Visitor } from './visitor.ts'

const root = join(import.meta.dirname, '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const blocks = new Map(
  [...readme.matchAll(/<!-- (?:run|compile): (\w+) -->\n```ts\n([\s\S]*?)```/g)].map(([, name, code]) => [
    name!,
    code!,
  ]),
)
const mongo = inject('mongodb')

describe("the README's examples", () => {
  // Beside the sources, so that imports by package name find the types and the drivers.
  const folder = join(root, '.cache', 'readme')
  const file = (name: string) => join(folder, `${name}.ts`)
  const directory = process.cwd()
  const work = mkdtempSync(join(tmpdir(), 'readme-'))

  beforeAll(() => {
    mkdirSync(folder, { recursive: true })
    for (const [name, code] of blocks) writeFileSync(file(name), code)
    process.env.SESSION_KEY = KEY
    if ('url' in mongo) process.env.MONGODB_URL = mongo.url
  })
  afterAll(() => {
    process.chdir(directory)
    rmSync(work, { recursive: true, force: true })
  })

  async function serve(
    name: string,
  ): Promise<{ visitor: Visitor; example: Record<string, never>; stop: () => Promise<void> }> {
    const example = await import(/* @vite-ignore */ file(name))
    const server = (example.app as Koa).listen(0)
    await new Promise((resolve) => server.once('listening', resolve))
    const stop = async () => {
      await new Promise((resolve) => server.close(resolve))
      await example.sessions.close()
    }
    return { visitor: new Visitor(`http://127.0.0.1:${(server.address() as { port: number }).port}`), example, stop }
  }

  it('are all there', () => {
    expect([...blocks.keys()]).toEqual(['app', 'original', 'stores', 'types'])
  })

  it('compile', () => {
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
    const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
    const program = ts.createProgram([...blocks.keys()].map(file), { ...options, noEmit: true })
    expect(
      ts.formatDiagnostics(ts.getPreEmitDiagnostics(program), {
        getCanonicalFileName: (n) => n,
        getCurrentDirectory: () => root,
        getNewLine: () => '\n',
      }),
    ).toBe('')
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
    const { client } = example as unknown as { client: import('mongodb').MongoClient }
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
})
