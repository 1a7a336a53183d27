import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from 'koa-atomic-session/sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { driver } from '../../src/stores/sqlite/client.ts'
import { visitor } from '../../src/testing/harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'devices-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('5,000 devices of 50 KB', () => {
  it('are found, gone through and logged out by a process with 64 MB', { timeout: 120_000 }, async () => {
    const file = join(folder, 'sessions.db')
    const store = sqlite(file).indexed(['user_id'])
    await visitor(store, { user_id: 42, blob: 'x'.repeat(50_000) })
    await store.close()
    const database = new (driver())(file)
    database.exec(`INSERT INTO sessions (hash, data, version, created, expires, rotated, epoch, ops, id)
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4999)
      SELECT hash, data, version, created, expires, rotated, epoch, ops, printf('%022d', i) FROM sessions, n`)
    database.close()

    const child = join(import.meta.dirname, 'many-devices.mjs')
    const said = execFileSync(process.execPath, ['--max-old-space-size=64', child, file], { encoding: 'utf8' })
    expect(JSON.parse(said)).toEqual({ page: 100, all: 5000, removed: 4999, left: [true] })
  })
})
