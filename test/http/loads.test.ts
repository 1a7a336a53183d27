import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { KEY } from '../visitor.ts'

it('Request and Response load nothing of node:http', () => {
  // As it is built. Node's own Request loads it, so none is made here.
  const script = `
    const { fetchSessions } = await import('koa-atomic-session/fetch')
    const { deviceBound } = await import('koa-atomic-session/dbsc')
    const { classicFetch } = await import('koa-atomic-session/classic')
    const { memory } = await import('koa-atomic-session/memory')
    const sessions = fetchSessions({ keys: ['${KEY}'], store: memory() })
    deviceBound(sessions)
    classicFetch(sessions)
    console.log(process.moduleLoadList.filter((name) => / (http|_http_server|https)$/.test(name)).join())`
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(said.trim()).toBe('')
})
