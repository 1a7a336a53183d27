import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { openStore } from 'koa-atomic-session/open'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { open } from '../../src/stores/sqlite/client.ts'
import { run } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'open-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a server that is not there', () => {
  it.each(['redis', 'redis-cluster', 'postgres', 'mongodb', 'mysql'])(
    'is named in one sentence, without the password: %s',
    async (kind) => {
      const { code, out, err } = await run('list', '--store', `${kind}://me:very-secret@127.0.0.1:1/0`)
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toMatch(/^The \w+ store at 127\.0\.0\.1:1 can't be opened: .*ECONNREFUSED.*\n$/)
      expect(err).not.toContain('very-secret')
    },
  )

  it.each(['redis', 'rediss', 'postgres', 'postgresql', 'mongodb', 'mysql', 'mariadb'])(
    'is not named where a part of the password might be taken for it: %s',
    async (kind) => {
      const passwords = ['#', '/', '?', '@'].flatMap((odd) => [
        `very${odd}hidden`,
        `77123${odd}hidden`,
        `very@hidden${odd}77123`,
        `very${odd}77123@hidden`,
      ])
      await Promise.all(
        passwords.map(async (password) => {
          const error = await openStore(`${kind}://me:${password}@127.0.0.1:1/0`).catch((error) => error)
          expect(error).toMatchObject({ code: 'ERR_SESSION_STORE', message: expect.stringContaining('%23') })
          // With its causes, as an application logs it.
          expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/very|hidden|77123/)
        }),
      )
    },
  )

  it.each([
    ['postgres://me:very-secret@[::1]:99999/', 'redis://me:very-secret@localhost:99999'],
    ['redis://me:very-secret'],
  ])('a URL that is none does not leak either', async (...urls) => {
    for (const url of urls) {
      const error = await openStore(url).catch((error) => error)
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('very-secret')
    }
  })

  it.each([
    ['constructor:x', "No store is called 'constructor'"],
    ['hasOwnProperty:x', "No store is called 'hasOwnProperty'"],
    ['toString:x', "No store is called 'toString'"],
    ['valueof:x', "No store is called 'valueof'"],
    ['', 'got an empty text: is its variable set?'],
    [undefined, 'got undefined: is its variable set?'],
  ])('%j names no store, and is refused in a sentence', async (url, message) => {
    const error = await openStore(url as string).catch((error) => error)
    expect(error).toMatchObject({ code: 'ERR_SESSION_USAGE', message: expect.stringContaining(message) })
  })

  it('an option that there is not is refused', async () => {
    await expect(openStore('memory:', { creat: false } as object)).rejects.toThrow("did you mean 'create'?")
  })

  it('several hosts are named', async () => {
    const error = await openStore('mongodb://me:secret@127.0.0.1:1,127.0.0.1:2/x?replicaSet=a').catch((error) => error)
    expect(error.message).toMatch(/^The mongodb store at 127\.0\.0\.1:1,127\.0\.0\.1:2 can't be opened: /)
  })
})

describe('a server that accepts and never answers', () => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => sockets.add(socket.on('error', () => {})))
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  it.each(['redis', 'redis-cluster', 'postgres', 'mongodb', 'mysql'])(
    'is given up, and keeps no process alive: %s',
    async (kind) => {
      const { port } = server.address() as AddressInfo
      const { code, err } = await run('list', '--store', `${kind}://127.0.0.1:${port}/0`)
      expect(code).toBe(1)
      expect(err).toMatch(new RegExp(`^The \\w+ store at 127\\.0\\.0\\.1:${port} can't be opened: .+\\n$`))
    },
    // The drivers' own patience is half a minute, ours three seconds.
    20_000,
  )
})

describe('a SQLite file', () => {
  const refused = async (file: string, why: string) =>
    expect(await run('list', '--store', file)).toEqual({
      code: 1,
      out: '',
      err: `The sqlite store at ${file} can't be opened: ${why}\n`,
    })

  it('is not made of a name that is mistyped', async () => {
    const file = join(folder, 'typo.db')
    await refused(file, 'there is no such file')
    expect(existsSync(file)).toBe(false)
  })

  it('of somebody else is left as it is', async () => {
    const empty = join(folder, 'empty.db')
    writeFileSync(empty, '')
    const foreign = join(folder, 'foreign.db')
    const database = open(foreign)
    database.exec('CREATE TABLE sessions (id TEXT PRIMARY KEY, expires INTEGER, json TEXT)')
    database.close()
    const before = readFileSync(foreign)
    const files = readdirSync(folder)
    for (const file of [empty, foreign]) await refused(file, 'it has no table of sessions')
    expect(readFileSync(empty)).toHaveLength(0)
    expect(readFileSync(foreign)).toEqual(before)
    expect(readdirSync(folder)).toEqual(files)
  })

  it('that is no database, or a folder, or nowhere, is refused with the reason', async () => {
    const text = join(folder, 'text.db')
    writeFileSync(text, 'this is a letter to nobody in particular. '.repeat(100))
    await refused(text, 'SQLITE_NOTADB file is not a database')
    mkdirSync(join(folder, 'folder'))
    await refused(join(folder, 'folder'), 'it is a folder')
    await expect(openStore(join(folder, 'nowhere', 'x.db'))).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      message: expect.stringMatching(/there is no such folder$/),
    })
  })

  it('is made where it may be', async () => {
    const { store, close } = await openStore(`sqlite:${join(folder, 'new.db')}`)
    await store.setup()
    await close()
    await close()
    expect(await run('list', '--store', join(folder, 'new.db'))).toEqual({ code: 0, out: '0 sessions\n', err: '' })
  })
})
