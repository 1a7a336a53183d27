import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from 'koa-atomic-session/sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { dataOf, visitor } from '../../src/testing/harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'sqlite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a SQLite file that can not be used', () => {
  it.skipIf(process.platform !== 'linux')('is closed after every try', async () => {
    const file = join(folder, 'no-database')
    writeFileSync(file, 'this is no database, but a text that is long enough to be looked at '.repeat(20))
    const store = sqlite(file)
    const open = () => readdirSync('/proc/self/fd').length
    await expect(store.setup()).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', applied: false })
    const before = open()
    for (let i = 0; i < 20; i++) await expect(store.setup()).rejects.toThrow()
    expect(open()).toBeLessThan(before + 10)
  })

  it('says why', async () => {
    const directory = join(folder, 'directory')
    mkdirSync(directory)
    await expect(sqlite(directory).setup()).rejects.toMatchObject({ applied: false })
  })
})

describe.skipIf(process.platform === 'win32')('a SQLite file', () => {
  const modes = (file: string) =>
    ['', '-wal', '-shm'].map((end) => (statSync(`${file}${end}`).mode & 0o777).toString(8))

  it('that the store makes can be read by its owner only, with its log and its shared memory', async () => {
    const file = join(folder, 'private.db')
    const store = sqlite(file)
    const { access } = await visitor(store, { n: 1 })
    expect(modes(file)).toEqual(['600', '600', '600'])
    expect(await dataOf(store, access)).toEqual({ n: 1 })
    await store.close()
  })

  it('that is there keeps its mode', async () => {
    const file = join(folder, 'shared.db')
    writeFileSync(file, '')
    chmodSync(file, 0o640)
    const store = sqlite(file)
    await visitor(store, { n: 1 })
    expect(modes(file)).toEqual(['640', '640', '640'])
    await store.close()
  })
})
