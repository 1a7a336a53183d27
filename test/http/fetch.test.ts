import { type FetchOptions, fetchSessions, type SessionHandle } from 'koa-atomic-session/fetch'
import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it } from 'vitest'
import { counting, KEY } from '../visitor.ts'

// The cookie, laziness, use and failures are shown by the tests that go through test/http/servers.ts.

const URL = 'https://shop.example/cart?x=1'
const make = (options: Partial<FetchOptions> = {}) => {
  const errors: unknown[] = []
  const store = counting(memory())
  const sessions = fetchSessions<{ views: number; user: number }>({
    keys: [KEY],
    store,
    onError: (error) => errors.push(error),
    ...options,
  })
  return { sessions, store, errors }
}
const cookieOf = (response: Response) => response.headers.getSetCookie().map((line) => line.split(';')[0]!)
const request = (cookie?: string[], init: RequestInit = {}) =>
  new Request(URL, { ...init, headers: { ...init.headers, ...(cookie && { cookie: cookie.join('; ') }) } })

describe('sessions.fetch', () => {
  it('counts, with a Secure cookie where the URL says https, and leaves an answer without a session as it is', async () => {
    const { sessions, store } = make()
    const inc = (cookie?: string[]) =>
      sessions.fetch(request(cookie), async (session) => new Response(String((await session.inc('views')).views)))
    const first = await inc()
    expect(first.headers.getSetCookie()[0]).toMatch(/^sid=.*; Secure/)
    expect(await (await inc(cookieOf(first))).text()).toBe('2')
    store.calls.length = 0
    const plain = new Response('plain', { headers: { 'content-type': 'text/plain' } })
    expect(await sessions.fetch(request(cookieOf(first)), () => plain)).toBe(plain)
    expect([...plain.headers.keys()]).toEqual(['content-type'])
    expect(store.calls).toEqual([])
  })

  it('writes on a redirect, whose headers cannot be changed, and beside cookies of others', async () => {
    const { sessions } = make()
    const redirect = await sessions.fetch(request(), async (session) => {
      await session.rotate().set('user', 1)
      return Response.redirect('https://shop.example/', 303)
    })
    expect([redirect.status, redirect.headers.get('location')]).toEqual([303, 'https://shop.example/'])
    expect(cookieOf(redirect)).toHaveLength(1)
    const beside = await sessions.fetch(request(), async (session) => {
      await session.set('user', 1)
      const headers = new Headers({ vary: 'Accept' })
      headers.append('set-cookie', 'a=1')
      headers.append('set-cookie', 'b=2')
      return new Response('x', { headers })
    })
    expect(cookieOf(beside).map((pair) => pair.split('=')[0])).toEqual(['a', 'b', 'sid'])
    expect(beside.headers.get('vary')).toBe('Accept, Cookie')
  })

  it('a response that is thrown is the answer, with its cookie', async () => {
    const { sessions, errors } = make()
    const response = await sessions.fetch(request(), async (session) => {
      await session.rotate().set('user', 1)
      throw new Response(null, { status: 302, headers: { location: '/' } })
    })
    expect([response.status, cookieOf(response).length, errors]).toEqual([302, 1, []])
  })

  it('an error is told and answered, with the cookie; a session error by its status', async () => {
    const { sessions, errors } = make()
    const boom = new Error('boom')
    const failed = await sessions.fetch(request(), async (session) => {
      await session.rotate().set('user', 1)
      throw boom
    })
    expect([failed.status, await failed.text(), cookieOf(failed).length]).toEqual([500, '', 1])
    expect(errors).toEqual([boom])
    const forged = await sessions.fetch(request(undefined, { method: 'POST' }), async (session) => {
      ;(await session).assertCSRF('no token')
      return new Response('never')
    })
    expect(forged.status).toBe(403)
    expect(errors).toEqual([boom])
  })

  it('what the option failed answers gets the cookie; what it throws is thrown', async () => {
    const teapot = make({ failed: () => new Response('teapot', { status: 418 }) })
    const throwing = async (session: SessionHandle<{ user: number }>) => {
      await session.rotate().set('user', 1)
      throw new Error('boom')
    }
    const response = await teapot.sessions.fetch(request(), throwing as never)
    expect([response.status, cookieOf(response).length]).toEqual([418, 1])
    const rethrowing = make({
      failed(error) {
        throw error
      },
    })
    await expect(rethrowing.sessions.fetch(request(), throwing as never)).rejects.toThrow('boom')
  })

  it('a stream goes on to change the session, and begins none, because the headers have left', async () => {
    const { sessions, errors } = make()
    const streamed = (cookie?: string[]) =>
      sessions.fetch(request(cookie), (session) => {
        const body = new ReadableStream(
          {
            async pull(controller) {
              let said: string
              try {
                said = `seen ${(await session.inc('views')).views}`
              } catch (error) {
                said = (error as Error).message
              }
              controller.enqueue(new TextEncoder().encode(said))
              controller.close()
            },
          },
          { highWaterMark: 0 },
        )
        return new Response(body)
      })
    const nobody = await streamed()
    expect(cookieOf(nobody)).toEqual([])
    expect(await nobody.text()).toContain('The response has begun')
    const known = await sessions.fetch(request(), async (session) => {
      await session.set('views', 1)
      return new Response()
    })
    expect(await (await streamed(cookieOf(known))).text()).toBe('seen 2')
    expect(errors).toEqual([])
  })

  it('one within another of the same request is part of it, and of() gives code the session by the request', async () => {
    const { sessions, store } = make()
    const asked = request()
    const response = await sessions.fetch(asked, () =>
      sessions.fetch(asked, async () => {
        await sessions.of(asked).inc('views')
        return new Response(String((await sessions.of(asked)).views))
      }),
    )
    expect([await response.text(), cookieOf(response).length]).toEqual(['1', 1])
    expect(store.calls).toEqual(['create'])
    expect(() => sessions.of(request())).toThrow(/is not being answered by sessions.fetch/)
  })

  it('believes a proxy only where it is told of one', async () => {
    const headers = { 'x-forwarded-proto': 'http', 'x-forwarded-for': '192.0.2.7' }
    for (const [proxy, secure] of [
      [undefined, true],
      [1, false],
    ] as const) {
      const { sessions } = make(proxy === undefined ? {} : { proxy })
      const response = await sessions.fetch(request(undefined, { headers }), async (session) => {
        await session.set('views', 1)
        return new Response()
      })
      expect(response.headers.getSetCookie()[0]!.includes('Secure')).toBe(secure)
    }
  })

  it('a socket’s upgrade reads and changes, from pages of this host only', async () => {
    const { sessions } = make()
    const known = await sessions.fetch(request(), async (session) => {
      await session.set('views', 1)
      return new Response()
    })
    const upgrade = (origin: string) => sessions.upgrade(request(cookieOf(known), { headers: { origin } }))
    expect((await upgrade('https://shop.example').inc('views')).views).toBe(2)
    expect(() => upgrade('https://evil.example')).toThrow(/./)
    const answer = { status: 101 } as Response
    expect(await sessions.fetch(request(), () => answer)).toBe(answer)
  })

  it.each([
    [
      'an unknown option',
      () => fetchSessions({ keys: [KEY], store: memory(), proxi: 1 } as never),
      "did you mean 'proxy'",
    ],
    ['no keys', () => fetchSessions({ store: memory() } as never), 'keys'],
    ['proxies that are no number', () => make({ proxy: 'x' as never }), 'proxy must be true'],
  ])('%s is refused at set-up', (_, begin, words) => {
    expect(begin).toThrow(words)
  })

  it('wrong use is refused: an unknown name, an answer that is none, a field of the handle', async () => {
    const { sessions } = make()
    await expect(sessions.fetch(request(), () => new Response(), { tuch: false } as never)).rejects.toThrow("'touch'")
    const nothing = sessions.fetch(request(), async (session) => {
      await session
      return 'text' as never
    })
    await expect(nothing).rejects.toThrow(/must answer with a Response/)
    const seen: unknown[] = []
    await sessions.fetch(request(), (session) => {
      for (const wrong of [
        () => (session as never as { user: number }).user,
        () => Object.assign(session, { user: 1 }),
      ]) {
        try {
          wrong()
        } catch (error) {
          seen.push((error as { code: string }).code)
        }
      }
      return new Response()
    })
    expect(seen).toEqual(['ERR_SESSION_USAGE', 'ERR_SESSION_USAGE'])
  })
})
