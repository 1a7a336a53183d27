import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from 'koa-atomic-session/sqlite'
import { afterAll, describe, expect, it } from 'vitest'

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
