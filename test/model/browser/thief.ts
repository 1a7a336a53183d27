import { Visitor } from '../../visitor.ts'
import { secretOf } from './browser.ts'
import type { Ask, Form, Server } from './server.ts'

/** Somebody who has got to know a cookie of the browser, and keeps whatever the server gives for it. */
export class Thief {
  readonly forms: Form[] = []
  readonly secrets = new Set<string | undefined>()
  readonly #server: Server
  #jar = new Visitor('')

  constructor(server: Server) {
    this.#server = server
  }

  copy(cookie: string): void {
    this.#jar = new Visitor('')
    this.#keep(cookie)
  }

  async send(ask: Pick<Ask, 'does' | 'socket'>, process: number): Promise<void> {
    const cookie = this.#jar.header
    if (cookie === '') return
    const onHead = (lines: string[]) => {
      for (const line of lines) this.#keep(line)
    }
    const onForm = (form: Form) => void this.forms.push(form)
    await this.#server.serve({ ...ask, cookie, asked: undefined, knows: 0, onHead, onForm }, process)
  }

  #keep(line: string): void {
    this.#jar.keep(line)
    this.secrets.add(secretOf(line))
  }
}
