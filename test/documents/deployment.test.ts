import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { atomicSession } from 'koa-atomic-session'
import { sqlite } from 'koa-atomic-session/sqlite'
import { describe, expect, it } from 'vitest'
import { gate } from '../gate.ts'
import { KEY, TestApp, Visitor } from '../visitor.ts'
import { expectAllRun, runInAFolder, serve } from './examples.ts'

const ANOTHER = 'another key that nobody can guess'

/** An application that counts pages and logs out, on a file. */
async function counting(file: string, keys = [KEY]) {
  const app = new TestApp()
  app.koa.keys = keys
  const sessions = atomicSession(app.koa, { store: sqlite(file) })
  app.koa.use(async (ctx) => {
    if (ctx.path === '/logout') await ctx.session().destroy()
    else if (ctx.path === '/look') ctx.body = `page ${(await ctx.session()).views ?? 0}`
    else if (ctx.path === '/check') {
      ;(await ctx.session()).assertCSRF(ctx.query.token)
      ctx.body = 'valid'
    } else if (ctx.path === '/form') ctx.body = (await ctx.session()).createCSRF()
    else ctx.body = `page ${(await ctx.session().inc('views')).views}`
  })
  await app.listen()
  return {
    app,
    async stop() {
      await app.close()
      await sessions.close()
    },
  }
}

describe('deployment, as its page says', () => {
  const work = runInAFolder('deployment')

  it('a process that is shut down answers what is running, and takes nothing new', async () => {
    const { visitor, base, example } = await serve('shutdown')
    expect(await visitor.text('/')).toBe('page 1')
    const [inside, go] = [gate(), gate()]
    const [answer] = example.server.listeners('request')
    example.server.removeAllListeners('request').on('request', async (...exchange: unknown[]) => {
      inside.open()
      await go.opened
      answer(...exchange)
    })
    const running = visitor.text('/', { headers: { connection: 'close' } })
    await inside.opened
    const down = example.shutDown()
    await expect(fetch(base)).rejects.toThrow('fetch failed')
    go.open()
    expect(await running).toBe('page 2')
    await down
    process.removeListener('SIGTERM', example.shutDown)
  })

  it('a restored backup revives what was destroyed after it, and a new key ends that', async () => {
    const [file, backup] = [join(work, 'live.db'), join(work, 'backup.db')]
    const first = await counting(file)
    const visitor = first.app.visitor()
    await visitor.fetch('/')
    const cookie = visitor.header
    await first.stop()
    // Drivers differ in whether they empty the log when they close.
    for (const part of ['', '-wal']) if (existsSync(file + part)) copyFileSync(file + part, backup + part)
    const look = async (base: string) => new Visitor(base).text('/look', { headers: { cookie } })

    const second = await counting(file)
    await new Visitor(second.app.base).fetch('/logout', { headers: { cookie } })
    expect(await look(second.app.base)).toBe('page 0')
    await second.stop()

    const restored = await counting(backup)
    expect(await look(restored.app.base)).toBe('page 1')
    await restored.stop()
    const renewed = await counting(backup, [ANOTHER])
    expect(await look(renewed.app.base)).toBe('page 0')
    await renewed.stop()
  })

  it('a new key without the old one makes every old cookie and form token worthless', async () => {
    const file = join(work, 'leaked.db')
    const before = await counting(file)
    const visitor = before.app.visitor()
    await visitor.fetch('/')
    const token = encodeURIComponent(await visitor.text('/form'))
    expect(await visitor.text(`/check?token=${token}`)).toBe('valid')
    await before.stop()
    const after = await counting(file, [ANOTHER])
    const same = new Visitor(after.app.base)
    const headers = { cookie: visitor.header }
    expect(await same.text('/look', { headers })).toBe('page 0')
    expect((await same.fetch(`/check?token=${token}`, { headers })).status).toBe(403)
    await after.stop()
  })

  it('a visitor who comes to another store stays logged in, once, and a log-out holds', async () => {
    const old = await counting(join(work, 'sessions.db'))
    const before = old.app.visitor()
    await before.fetch('/')
    await old.stop()

    const { visitor, base, example, stop } = await serve('move_stores')
    for (const [name, value] of before.cookies) visitor.cookies.set(name, value)
    expect(await visitor.text('/')).toBe('page 2')
    expect([...visitor.cookies.keys()]).toEqual(['sid2'])
    // The old cookie, kept by somebody, opens nothing any more.
    expect(await new Visitor(base).text('/', { headers: { cookie: before.header } })).toBe('page 1')
    await visitor.fetch('/logout')
    expect(await visitor.text('/')).toBe('page 1')
    await stop()
    await example.before.close()
  })

  it('runs every example', () => {
    expectAllRun(/^docs\/guide\/deployment/)
  })
})
