import { atomicSession, type Store, StoreError } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { sqlite } from 'koa-atomic-session/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { counting, TestApp, type Visitor } from '../visitor.ts'

describe.each([
  ['memory', () => memory()],
  ['sqlite', () => sqlite(':memory:')],
])('a code that a visitor must know, in the %s store', (_, make) => {
  let app: TestApp
  let store: ReturnType<typeof counting<ReturnType<typeof memory>>>
  let owner: Visitor

  beforeEach(async () => {
    app = new TestApp()
    store = counting(make())
    const sessions = atomicSession<{ code: string | null; verified: boolean; order: number }>(app.koa, { store })
    app.koa.use(async (ctx) => {
      const session = sessions.of(ctx)
      // What a parsed body has, which TypeScript knows nothing of.
      const { code } = JSON.parse(decodeURIComponent(ctx.querystring || '{}'))
      if (ctx.path === '/send') await session.set('code', '123456')
      else if (ctx.path === '/forget') await session.set('code', null)
      else if (ctx.path === '/if') await session.if('code', code).set('verified', true)
      else if (ctx.path === '/order') await session.ifMissing('order').set('order', 7)
      else if (ctx.path === '/enter') ctx.body = { taken: await session.set('verified', true).takeIf('code', code) }
      else ctx.body = { ...(await session) }
      ctx.body ??= {}
    })
    await app.listen()
    owner = app.visitor()
    await owner.fetch('/send')
    store.calls.length = 0
  })
  afterEach(() => app.close())
  const asking = (path: string, body: object) => `${path}?${encodeURIComponent(JSON.stringify(body))}`

  it('is taken by exactly one of many requests that send it, with the rest of the chain', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => owner.json(asking('/enter', { code: '123456' }))),
    )
    expect(answers.filter(({ taken }) => taken === true)).toHaveLength(1)
    expect(answers.filter(({ taken }) => taken === false)).toHaveLength(19)
    expect(await owner.json('/')).toEqual({ verified: true })
  })

  it.each(['123457', '023456', '12345', '', 123456, true, ['123456'], { code: '123456' }])(
    'is neither %j nor removed by it, and nothing of the chain is applied',
    async (code) => {
      expect(await owner.json(asking('/enter', { code }))).toEqual({ taken: false })
      expect(await owner.json('/')).toEqual({ code: '123456' })
      expect(app.errors).toEqual([])
    },
  )

  it.each<[string, object]>([
    ['/enter', {}],
    ['/enter', { code: null }],
    ['/enter', { code: { $ne: '' } }],
    ['/if', {}],
  ])(
    'a request to %s with %j is refused before any I/O, by whoever has no code as by its owner',
    async (path, body) => {
      for (const visitor of [owner, app.visitor()]) {
        expect((await visitor.fetch(asking(path, body))).status).toBe(400)
        expect(visitor).toSatisfy(({ cookies }: Visitor) => cookies.size === (visitor === owner ? 1 : 0))
      }
      expect(store.calls).toEqual([])
      expect(app.errors).toMatchObject(
        Array(2).fill({ code: 'ERR_SESSION_VALUE', path: 'code', message: expect.stringContaining("'code'") }),
      )
      if (!('code' in body)) expect(app.errors[0]!.message).toContain('ifMissing()')
    },
  )

  it('that was never sent, or is null, is what nobody can send', async () => {
    const stranger = app.visitor()
    expect(await stranger.json(asking('/enter', { code: '123456' }))).toEqual({ taken: false })
    expect(stranger.cookies.size).toBe(0)
    await owner.fetch('/forget')
    expect((await owner.fetch(asking('/enter', { code: null }))).status).toBe(400)
    expect(await owner.json('/')).toEqual({ code: null })
  })

  it('ifMissing() lets one of many chains apply, the others get 409', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => owner.fetch('/order')))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409])
    expect(await owner.json('/')).toEqual({ code: '123456', order: 7 })
  })
})

describe('a code that was right, and whose answer was lost', () => {
  let app: TestApp
  afterEach(() => app.close())

  /** What takeIf answers where the first answers of the store are lost, and what it answers after that. */
  async function entered(losses: number, final: boolean): Promise<unknown[]> {
    app = new TestApp()
    let left = 0
    const real = memory()
    const store = new Proxy<Store>(real, {
      get(target, key) {
        const member = Reflect.get(target, key)
        if (key !== 'update') return typeof member === 'function' ? member.bind(target) : member
        return async (...args: Parameters<Store['update']>) => {
          const answer = await real.update(...args)
          if (left-- <= 0) return answer
          throw Object.assign(new StoreError('memory', 'lost an answer', 'unknown'), { final })
        }
      },
    })
    const sessions = atomicSession<{ code: string }>(app.koa, { store })
    app.koa.use(async (ctx) => {
      if (ctx.path === '/send') await sessions.of(ctx).set('code', '123456')
      else ctx.body = { taken: await sessions.of(ctx).takeIf('code', '123456') }
      ctx.body ??= {}
    })
    await app.listen()
    const visitor = app.visitor()
    await visitor.fetch('/send')
    left = losses
    const answers = []
    for (let i = 0; i < 2; i++) {
      const response = await visitor.fetch('/enter')
      answers.push(response.ok ? await response.json() : response.status)
    }
    return answers
  }

  it('is true for who finds by a retry that it was this very request that took it', async () => {
    expect(await entered(1, false)).toEqual([{ taken: true }, { taken: false }])
  })

  it('is unknown for who hears nothing, and never true for somebody else', async () => {
    expect(await entered(1, true)).toEqual([503, { taken: false }])
    expect(app.errors).toMatchObject([{ code: 'ERR_SESSION_STORE', applied: 'unknown' }])
  })
})
