import { fetchSessions } from 'koa-atomic-session/fetch'
import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it } from 'vitest'
import { counting, KEY } from '../visitor.ts'

interface Data {
  n: number
}

/** An application that streams versions, and whose streams fail on demand. */
function application() {
  // The memory store tells; what is asked for the sake of watching is a load.
  const store = counting(memory())
  const sessions = fetchSessions<Data>({ keys: [KEY], store, recheck: 40, onError: () => {} })
  const request = (path: string, cookie = '', signal?: AbortSignal) =>
    new Request(`http://localhost${path}`, { headers: cookie ? { cookie } : {}, ...(signal && { signal }) })
  const answer = (asked: Request) =>
    sessions.fetch(asked, async (session) => {
      const { pathname } = new URL(asked.url)
      if (pathname === '/inc') await session.inc('n')
      else if (pathname === '/logout') await session.destroy()
      else if (pathname === '/empty') void session.ended
      else {
        const encoder = new TextEncoder()
        const versions = sessions.watch(session)
        const body = new ReadableStream<Uint8Array>({
          async pull(controller) {
            const { done, value } = await versions.next()
            if (!done) return controller.enqueue(encoder.encode(`${value}\n`))
            controller.enqueue(encoder.encode(session.ended.reason?.code ?? 'closed'))
            controller.close()
          },
        })
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
      }
      return new Response(null, { status: 204 })
    })
  const begin = async () => (await answer(request('/inc'))).headers.getSetCookie()[0]!.split(';')[0]!
  const lines = (response: Response) => response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const loads = () => store.calls.filter((call) => call === 'load').length
  /** Whether the store is not asked any more. */
  const rests = async () => {
    const before = loads()
    await new Promise((resolve) => setTimeout(resolve, 200))
    return loads() === before
  }
  return { sessions, request, answer, begin, lines, loads, rests }
}

describe('a stream of Request and Response', () => {
  it('shows versions, and ends with the session', async () => {
    const { request, answer, begin, lines, rests } = application()
    const cookie = await begin()
    const reader = lines(await answer(request('/stream', cookie)))
    expect((await reader.read()).value).toBe('1\n')
    await answer(request('/inc', cookie))
    expect((await reader.read()).value).toBe('2\n')
    await answer(request('/logout', cookie))
    expect((await reader.read()).value).toBe('ERR_SESSION_GONE')
    expect((await reader.read()).done).toBe(true)
    expect(await rests()).toBe(true)
  })

  it('is kept as long as it is read, and no longer', async () => {
    const { request, answer, begin, lines, loads, rests } = application()
    const cookie = await begin()
    const reader = lines(await answer(request('/stream', cookie)))
    await reader.read()
    const before = loads()
    await expect.poll(loads).toBeGreaterThan(before + 2)
    await reader.cancel()
    expect(await rests()).toBe(true)
  })

  it('is given up when the server aborts the request, and at once where the response has no body', async () => {
    const { request, answer, begin, loads, rests } = application()
    const cookie = await begin()
    const abort = new AbortController()
    await answer(request('/stream', cookie, abort.signal))
    const before = loads()
    await expect.poll(loads).toBeGreaterThan(before + 2)
    abort.abort()
    expect(await rests()).toBe(true)
    await answer(request('/empty', cookie))
    expect(await rests()).toBe(true)
  })

  it('on a socket is kept until unwatch()', async () => {
    const { sessions, request, begin, loads, rests } = application()
    const handle = sessions.upgrade(request('/', await begin()))
    const { ended } = handle
    const before = loads()
    await expect.poll(loads).toBeGreaterThan(before + 2)
    sessions.unwatch(handle)
    expect(await rests()).toBe(true)
    await handle.destroy()
    expect(ended.aborted).toBe(false)
  })

  it('is closed by sessions.close()', async () => {
    const { sessions, request, begin, rests } = application()
    const handle = sessions.upgrade(request('/', await begin()))
    const versions = sessions.watch(handle)
    await versions.next()
    const next = versions.next()
    await sessions.close()
    expect((await next).done).toBe(true)
    expect(handle.ended.aborted).toBe(false)
    expect(await rests()).toBe(true)
  })
})
