import assert from 'node:assert/strict'
import { hashOf } from '../../../src/cookie/credential.ts'
import { Visitor } from '../../visitor.ts'
import type { Order } from './order.ts'
import type { Answer, Ask, Form, Server } from './server.ts'
import type { Asker, Done } from './store.ts'

const SESSION = /^sid=s\.([^.]+)\.([^.]+)\./

/** The id of the session that a cookie is for. */
export function idOf(cookie: string): string | undefined {
  return SESSION.exec(cookie)?.[1]
}

/** The secret that a cookie holds, as the store knows it. */
export function secretOf(cookie: string): string | undefined {
  const secret = SESSION.exec(cookie)?.[2]
  return secret && hashOf(secret)
}

interface Landing {
  readonly asked: number
  readonly lines: readonly string[]
  readonly came: string | undefined
}

/** A browser, and the network before it: one jar, into which the answers of all requests fall. */
export class Browser {
  readonly jar = new Visitor('')
  readonly forms: Form[] = []
  /** Every session that it had. */
  readonly ids = new Set<string | undefined>()
  readonly #order: Order
  readonly #server: Server
  readonly #log: readonly Done[]
  /** When new secrets have arrived; `explicit`: of new sessions and of rotations that an application asked for. */
  readonly #landed: { readonly at: number; readonly explicit: boolean }[] = []
  /** Everything that was sent before the page was left: its answers reach nobody. */
  #left = 0
  #sent = 0

  constructor(server: Server, order: Order, log: readonly Done[]) {
    this.#server = server
    this.#order = order
    this.#log = log
  }

  get cookie(): string {
    return this.jar.header
  }

  /** Sends a request, and answers when both have happened: it has ended, and its answer has arrived or is lost. */
  async send(ask: Omit<Ask, keyof Asker | 'cookie'>, process: number, lost = false): Promise<Answer> {
    const number = ++this.#sent
    const came = this.cookie
    let landing: Promise<void> | undefined
    const onHead = (lines: string[]) => {
      const asked = sent.asked ?? this.#order.now
      landing = this.#order.turn(lost ? 'an answer is lost' : 'an answer arrives', () => {
        if (!lost && number > this.#left) this.#land({ asked, lines, came: secretOf(came) })
      })
    }
    const onForm = (form: Form) => void this.forms.push(form)
    const sent: Ask = { ...ask, cookie: came, asked: undefined, knows: 0, onHead, onForm }
    const answer = await this.#server.serve(sent, process)
    await landing
    return answer
  }

  /** The visitor leaves the page: what is still on its way for it is dropped. */
  leave(): void {
    this.#left = this.#sent
  }

  #land({ asked, lines, came }: Landing): void {
    for (const line of lines) {
      const secret = secretOf(line)
      const made = this.#log.find((done) => done.made === secret)
      const slides = secret === came
      const explicit = !slides && (made?.call === 'create' || made?.change?.rotation?.epoch !== undefined)
      // The one order that nobody can cure: after the store was asked whether the secret still counts, and at once the
      // response left, a log-in was applied, answered, and has overtaken it on the way; or a rotation by itself has, and
      // this response only slides. Such an answer counts as lost.
      const overtaken = this.#landed.some((newer) => newer.at > asked && (newer.explicit || slides))
      if (!explicit && secret && overtaken) continue
      if (!slides && made) this.#landed.push({ at: this.#order.now, explicit })
      if (slides) assert.ok(!this.#isOlder(made), 'an older secret is put over a newer one')
      this.ids.add(idOf(line))
      this.jar.keep(line)
    }
  }

  /** What is in the jar is of the same session, and was made later. */
  #isOlder(made: Done | undefined): boolean {
    const now = this.#log.find((done) => done.made !== undefined && done.made === secretOf(this.cookie))
    return made !== undefined && now !== undefined && made.id === now.id && made.at < now.at
  }
}
