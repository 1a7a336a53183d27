import { spawnSync } from 'node:child_process'
import { atomicSession } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it } from 'vitest'
import { TestApp } from '../visitor.ts'

describe('pruneEvery', () => {
  it('prunes again and again, goes on after a failure, and ends with close()', async () => {
    const app = new TestApp()
    let calls = 0
    let called = () => {}
    const store = memory()
    store.prune = async () => {
      calls++
      called()
      if (calls === 2) throw new Error('the store is down')
      return 0
    }
    const sessions = atomicSession(app.koa, { store, pruneEvery: 5 })
    await new Promise<void>((resolve) => {
      called = () => calls === 4 && resolve()
    })
    expect(app.errors.map(({ message }) => message)).toEqual(['the store is down'])
    await sessions.close()
    const afterClose = calls
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(calls).toBe(afterClose)
  })

  it('keeps no process alive', () => {
    const code = `import Koa from 'koa'; import { atomicSession } from 'koa-atomic-session'; import { memory } from 'koa-atomic-session/memory'
      atomicSession(new Koa(), { store: memory(), pruneEvery: '1 hour' })`
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
    expect(status).toBe(0)
  })
})
