import { type Agent, request } from 'node:http'
import { expect } from 'vitest'
import { StoreError } from '../../src/errors/index.ts'
import { History } from '../faults/checkers.ts'

interface Answer {
  /** 0: the connection broke, so that nobody knows what became of the request. */
  readonly status: number
  readonly body: string
  /** The cookie that it set. */
  readonly cookie: string | undefined
}

/** A visitor with one session, and what is known of it. */
export class Person {
  readonly history = new History()
  /** Secrets that an acknowledged rotation or log-out has ended. */
  readonly ended: string[] = []
  cookie: string
  /** False after a log-out, and where nobody knows whether a secret still opens the session. */
  open = true
  #running = 0
  #alone = false
  #next = 0

  constructor(cookie: string) {
    this.cookie = cookie
  }

  /** A new visitor, with a session of so many bytes; undefined while the process or its store is down. */
  static async arrive(base: string, agent: Agent, bytes: number): Promise<Person | undefined> {
    const { status, cookie } = await post(`${base}/login?bytes=${bytes}`, '', agent)
    return status === 200 ? new Person(cookie!) : undefined
  }

  /** Does one thing by any of the processes. What ends a secret happens alone, so that nothing else still uses it. */
  async act(what: 'work' | 'rotate' | 'logout', base: string, agent: Agent): Promise<void> {
    const alone = what !== 'work'
    if (!this.open || this.#alone || (alone && this.#running > 0)) return
    this.#running++
    this.#alone = alone
    await (alone ? this.#end(what, base, agent) : this.#work(base, agent))
    this.#running--
    this.#alone = false
  }

  async #work(base: string, agent: Agent): Promise<void> {
    const i = ++this.#next
    await this.history.note(i, async () => {
      const answer = await post(`${base}/work?i=${i}`, this.cookie, agent)
      if (answer.status !== 200) throw new StoreError('soak', 'failed', appliedOf(answer))
    })
  }

  async #end(what: 'rotate' | 'logout', base: string, agent: Agent): Promise<void> {
    const answer = await post(`${base}/${what}`, this.cookie, agent)
    if (answer.status !== 200) {
      // It is as it was, or nobody knows which secret opens it.
      this.open = appliedOf(answer) === false
      return
    }
    this.ended.push(this.cookie)
    if (what === 'logout') this.open = false
    else this.cookie = answer.cookie!
  }
}

/** What a process has told over HTTP of a change that failed. */
function appliedOf({ status, body }: Answer): false | 'unknown' {
  if (status === 0) return 'unknown'
  if (status !== 503) expect.fail(`${status}: ${body}`)
  return JSON.parse(body).applied
}

function post(url: string, cookie: string, agent: Agent): Promise<Answer> {
  const broken = { status: 0, body: '', cookie: undefined }
  return new Promise((resolve) => {
    const sent = request(url, { method: 'POST', agent, headers: { cookie } }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      const cookies = response.headers['set-cookie']?.map((text) => text.split(';')[0]!)
      response.once('end', () => resolve({ status: response.statusCode!, body, cookie: cookies?.[0] }))
      response.once('error', () => resolve(broken))
    })
    sent.once('error', () => resolve(broken))
    sent.end()
  })
}
