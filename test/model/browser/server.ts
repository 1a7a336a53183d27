import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import onHeaders from 'on-headers'
import type { Session, SessionHandle } from '../../../src/api/types.ts'
import type { Store } from '../../../src/contract/store.ts'
import { isSessionError } from '../../../src/errors/index.ts'
import { type HttpSessions, httpSessions } from '../../../src/http/index.ts'
import type { SessionOptions } from '../../../src/settings/options.ts'
import type { Order } from './order.ts'
import { type Asker, asking } from './store.ts'

/** What a page or a socket does, one after another. `head`: its headers leave now. `fresh`: see below. */
export type Step = 'read' | 'write' | 'unawaited' | 'touch' | 'wait' | 'head' | 'form' | 'fresh'
/** What the visitor does. */
export type Act = 'login' | 'login by regenerate' | 'rotate' | 'logout' | 'me'

/** A request as the network has it. */
export interface Ask extends Asker {
  readonly cookie: string
  readonly does: readonly Step[] | Act
  /** A WebSocket: it can set no cookie. */
  readonly socket?: boolean
  /** Whom a log-in logs in. */
  readonly user?: number
  /** The token of the form from which it was sent. */
  readonly token?: string
  /** The lines of Set-Cookie, in the moment in which the headers leave. */
  readonly onHead?: (lines: string[]) => void
  readonly onForm?: (form: Form) => void
}

export interface Form {
  readonly token: string
  readonly id: string
  /** When what it was made from was read. */
  readonly at: number
}

export interface Answer {
  readonly status: number
  readonly user: number | undefined
}

interface Data {
  cart?: number
  n?: number
  user?: number
  role?: number
}

const [OLD, NEW] = ['the older key of two, which nobody guesses', 'the newer key of two, which nobody guesses']
/** How keys are changed without logging anybody out: each step in both processes before the next one begins. */
const KEYS = [[OLD], [OLD, NEW], [NEW, OLD]]

/** Two processes of one application. */
export class Server {
  readonly #order: Order
  readonly #processes: { keys: string[]; sessions: HttpSessions<Data> }[]
  /** What no request could be told of. */
  readonly failures: unknown[] = []

  constructor(store: Store, order: Order, options: SessionOptions) {
    this.#order = order
    const onError = (error: unknown) => void (isSessionError(error) || this.failures.push(error))
    this.#processes = [0, 1].map(() => {
      const keys = [OLD]
      return { keys, sessions: httpSessions<Data>({ ...options, store, keys, timeout: '10 minutes', onError }) }
    })
  }

  async changeKeys(): Promise<void> {
    for (const keys of KEYS.slice(1)) {
      for (const process of this.#processes) {
        await this.#order.turn('a process gets other keys', () => void process.keys.splice(0, 2, ...keys))
      }
    }
  }

  /** Answers a request when it has ended: its headers may have left long before. */
  serve(ask: Ask, process: number): Promise<Answer> {
    const { sessions } = this.#processes[process]!
    return asking.run(ask, () => (ask.socket ? this.#socket(ask, sessions) : this.#page(ask, sessions)))
  }

  async #socket(ask: Ask, sessions: HttpSessions<Data>): Promise<Answer> {
    // At once, as a handler of upgrades does: only then is it known when it came.
    const handle = sessions.upgrade(requestOf(ask))
    return this.#answer(ask, () => handle)
  }

  #page(ask: Ask, sessions: HttpSessions<Data>): Promise<Answer> {
    const request = requestOf(ask)
    const response = new ServerResponse(request)
    // The first to listen hears of it last.
    onHeaders(response, () => {
      ask.asked ??= this.#order.now
      ask.onHead?.([response.getHeader('Set-Cookie') ?? []].flat().map(String))
    })
    const { end } = response
    return new Promise((resolve, reject) => {
      let answer: Answer
      response.end = ((text: string) => {
        end.call(response, text, 'utf8')
        resolve(response.statusCode === 200 ? answer : { status: response.statusCode, user: undefined })
        return response
      }) as never
      // A page that fails after its headers have left is broken off.
      response.destroy = () => {
        resolve({ status: 500, user: undefined })
        return response
      }
      const handler = async () => {
        answer = await this.#answer(ask, () => sessions.of(request, response), response)
        if (!response.headersSent) response.statusCode = answer.status
        response.end('')
      }
      sessions.listener(() => handler().catch(reject))(request, response)
    })
  }

  async #answer(ask: Ask, open: () => SessionHandle<Data>, response?: ServerResponse): Promise<Answer> {
    try {
      const user = typeof ask.does === 'string' ? await this.#act(ask, open()) : await this.#steps(ask, open, response)
      return { status: 200, user }
    } catch (error) {
      if (!isSessionError(error)) throw error
      return { status: error.status, user: undefined }
    }
  }

  async #act({ does, user = 0, token }: Ask, handle: SessionHandle<Data>): Promise<number | undefined> {
    if (token !== undefined) (await handle).assertCSRF(token)
    switch (does) {
      case 'login':
        await handle.rotate({ authenticated: true }).set('user', user)
        break
      case 'login by regenerate':
        await handle.regenerate()
        await handle.set('user', user)
        break
      case 'rotate':
        await handle.rotate().set('role', user)
        break
      case 'logout':
        await handle.destroy()
        break
      case 'me':
        return (await handle).user
    }
    return undefined
  }

  async #steps(ask: Ask, open: () => SessionHandle<Data>, response?: ServerResponse): Promise<undefined> {
    let session: Session<Data> | undefined
    for (const step of ask.does) {
      switch (step) {
        case 'read':
          session = await (session ? session.update() : open())
          break
        case 'write':
          session = await open().inc('n')
          break
        case 'unawaited':
          open().inc('n')
          break
        case 'touch':
          await open().touch()
          break
        case 'wait':
          await this.#order.pause()
          // From here on it no longer acts on what the store has said.
          ask.asked = undefined
          break
        case 'head':
          if (response && !response.headersSent) response.writeHead(200)
          break
        case 'form': {
          session = await (session ? session.update() : open())
          if (!session.isNew) ask.onForm?.({ token: session.createCSRF(), id: session.id!, at: ask.knows })
          break
        }
        case 'fresh':
          session ??= await open()
          await this.#provesNothingOnceRefused(session)
      }
    }
  }

  /** Who is shut out passes neither a form nor a check of a fresh log-in any more. */
  async #provesNothingOnceRefused(session: Session<Data>): Promise<void> {
    const token = session.isNew ? undefined : session.createCSRF()
    try {
      await session.update()
    } catch (error) {
      if (!isSessionError(error)) throw error
      assert.throws(() => session.requireFresh('1 hour'), 'a request that was shut out passes as fresh')
      assert.throws(() => session.assertCSRF(token), 'a request that was shut out passes a form')
      throw error
    }
  }
}

function requestOf({ cookie }: Ask): IncomingMessage {
  const request = new IncomingMessage(new Socket())
  const headers = { host: 'shop.test', ...(cookie && { cookie }) }
  return Object.assign(request, { method: 'POST', url: '/', headers })
}
