import { type FetchOptions, type FetchUse, fetchSessions, type SessionHandle } from 'koa-atomic-session/fetch'
import { memory } from 'koa-atomic-session/memory'
import { counting, KEY, Visitor } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: sessions of any shape
export type Any = any
type Handle = SessionHandle<Any>

/** What came of one request. */
export interface Outcome {
  /** What its handler gave; undefined where it failed. */
  readonly value: Any
  /** The code of the error that it failed with, or what else it was. */
  readonly error: unknown
  readonly status: number
  readonly headers: Headers
  /** Its Set-Cookie headers. */
  readonly cookies: readonly string[]
}

/** Sessions on requests and responses without a network between them, so many of them fit into a second. */
export function site({ store = memory(), ...options }: Partial<FetchOptions> = {}) {
  const calls = counting(store)
  const errors: Any[] = []
  const settings = { keys: [KEY], onError: (error: unknown) => void errors.push(error), ...options, store: calls }
  const sessions = fetchSessions<Any>(settings)

  /** A request with this Cookie header; its answer reaches no browser. */
  async function send(
    cookie: string,
    handler: (session: Handle, request: Request) => unknown,
    headers: Record<string, string> = {},
    use?: FetchUse,
  ): Promise<Outcome> {
    const sent = new Headers(headers)
    if (cookie) sent.set('cookie', cookie)
    let value: unknown
    let error: unknown
    const response = await sessions.fetch(
      new Request('https://shop.example/cart', { headers: sent }),
      async (session, request) => {
        try {
          value = await handler(session, request)
        } catch (failure) {
          error = (failure as { code?: string }).code ?? failure
          throw failure
        }
        return new Response(null)
      },
      use,
    )
    return {
      value,
      error,
      status: response.status,
      headers: response.headers,
      cookies: response.headers.getSetCookie(),
    }
  }

  return { sessions, store: calls, errors, send, browser: () => new Browser(send) }
}

/** A browser, which keeps what it gets. */
export class Browser {
  readonly #send: ReturnType<typeof site>['send']
  readonly #jar = new Visitor('')

  constructor(send: ReturnType<typeof site>['send']) {
    this.#send = send
  }

  get cookie(): string {
    return this.#jar.header
  }

  async visit(
    handler: (session: Handle, request: Request) => unknown,
    headers?: Record<string, string>,
    use?: FetchUse,
  ): Promise<Outcome> {
    const outcome = await this.#send(this.cookie, handler, headers, use)
    this.keep(outcome)
    return outcome
  }

  keep({ cookies }: Outcome): void {
    for (const cookie of cookies) this.#jar.keep(cookie)
  }
}

/** What a cookie's value says first: the id under which a session or a form is known. */
export function idOf(cookie: string | undefined): string | undefined {
  return /=[sn]\.([\w-]{22})\./.exec(cookie ?? '')?.[1]
}
