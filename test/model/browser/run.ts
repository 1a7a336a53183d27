import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Store } from '../../../src/contract/store.ts'
import { Browser, idOf, secretOf } from './browser.ts'
import { act, Order } from './order.ts'
import { endsWhatIsOlder, formIsGood, oneSecretOpens } from './rules.ts'
import { type Act, type Answer, type Form, Server } from './server.ts'
import { type Done, watched } from './store.ts'
import { type Event, type Story, story } from './story.ts'
import { Thief } from './thief.ts'

/** Moves the clock of the process and of the store, where one test can; in milliseconds. */
export type Clock = ((ms: number) => void) | undefined

/** Lets random visitors do what they do, in random orders; throws with the seed where something does not hold. */
export async function model(store: Store, clock: Clock, runs: number, seed: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(story, fc.scheduler({ act }), async (story, scheduler) => {
      const order = new Order(scheduler)
      const run = new Run(story, store, order, clock)
      await order.run(run.whole())
    }),
    {
      numRuns: runs,
      seed,
      ...(process.env.MODEL_PATH && { path: process.env.MODEL_PATH }),
    },
  )
}

/** After that long a secret is renewed by itself. */
const ELEVEN_MINUTES = 660_000

class Run {
  readonly #story: Story
  readonly #store: Store
  readonly #order: Order
  readonly #clock: Clock
  readonly #log: Done[] = []
  readonly #server: Server
  readonly #browser: Browser
  readonly #thief: Thief
  /** Who is logged in by now; `unsure` where that is not for this browser alone to say. */
  #user: number | undefined | 'unsure'
  #users = 0
  /** The cookie that the last log-out has left: one whose successor was lost opens nothing, so no answer takes it away. */
  #spent = ''
  /** The sessions whose cookie was copied where secrets are renewed by themselves, and when. */
  readonly #stolen = new Map<string | undefined, number>()
  #pages: Promise<unknown>[] = []
  #sockets: Promise<unknown>[] = []
  /** How often a little time has passed while pages were open: a request does not take a minute. */
  #waits = 0

  constructor(story: Story, store: Store, order: Order, clock: Clock) {
    this.#story = story
    this.#store = store
    this.#order = order
    this.#clock = clock
    this.#server = new Server(watched(store, order, this.#log), order, {
      ...(story.persistent ? { maxAge: '7 days', touchAfter: 0 } : {}),
      ...(!story.copies && { cache: 0 }),
      ...(story.rotates && { rotateEvery: clock ? '10 minutes' : 1 }),
    })
    this.#browser = new Browser(this.#server, order, this.#log)
    this.#thief = new Thief(this.#server)
  }

  async whole(): Promise<void> {
    await this.#happen()
    await this.#end()
  }

  async #happen(): Promise<void> {
    await this.#browser.send({ does: ['write'] }, 0)
    if (this.#story.rotates) this.#clock?.(ELEVEN_MINUTES)
    const keys = this.#story.keys ? this.#server.changeKeys() : undefined
    for (const event of this.#story.events) {
      await this.#order.turn(event.kind, () => {})
      await this.#happens(event)
    }
    await Promise.all([keys, ...this.#pages, ...this.#sockets])
  }

  async #happens(event: Event): Promise<void> {
    switch (event.kind) {
      case 'page':
      case 'socket':
        return this.#open(event)
      case 'act':
        return this.#act(event.does, event.process, event.lost, event.twice)
      case 'theft':
        this.#thief.copy(this.#browser.cookie)
        // Where secrets are renewed by themselves, whoever comes back with the old one ends the session.
        if (this.#story.rotates) {
          this.#user = 'unsure'
          this.#stolen.set(idOf(this.#browser.cookie), this.#order.now)
        }
        return
      case 'time':
        return this.#time(event.long)
    }
  }

  #open({ kind, does, process, lost, thief }: Event & { kind: 'page' | 'socket' }): void {
    const ask = { does, socket: kind === 'socket' }
    if (thief) {
      this.#pages.push(this.#thief.send(ask, process))
      return
    }
    // Who has no session opens nothing beside a log-in: what begins one there could not know of the other.
    if (['', this.#spent].includes(this.#browser.cookie) || this.#user === 'unsure') return
    ;(kind === 'socket' ? this.#sockets : this.#pages).push(this.#browser.send(ask, process, lost))
  }

  /** The visitor does something, and does it again until an answer arrives. */
  async #act(does: Act, process: number, lost: number, twice: boolean): Promise<void> {
    if (does === 'rotate' && this.#browser.cookie === '') return
    const user = ++this.#users
    for (let time = 0; time <= lost; time++) {
      const isLost = time < lost
      const clicks = twice && does.startsWith('login') ? 2 : 1
      const one = () => this.#browser.send({ does, user }, process, isLost)
      const answers = await Promise.all(Array.from({ length: clicks }, one))
      if (!isLost || does === 'rotate') this.#follows(does, user, answers, isLost)
      if (does.startsWith('login')) for (const { status } of answers) assert.equal(status, 200, 'a log-in is refused')
      if (does === 'rotate' || does === 'me') return
    }
  }

  #follows(does: Act, user: number, [answer]: Answer[], lost: boolean): void {
    if (does === 'me') {
      if (this.#user !== 'unsure') assert.equal(answer!.user, this.#user, 'the visitor is somebody else by now')
    } else if (does === 'rotate') {
      // Documented: a secret that a lost response has carried away can't be called back.
      if (lost || answer!.status !== 200) this.#user = 'unsure'
    } else {
      this.#user = does === 'logout' ? undefined : user
      if (does !== 'logout') return
      this.#browser.leave()
      this.#spent = this.#browser.cookie
    }
  }

  /** What is on its way arrives before. */
  async #time(long: boolean): Promise<void> {
    if (!this.#clock) return
    if (long) {
      await Promise.all(this.#pages)
      this.#waits = 0
    } else if (++this.#waits > 2) return
    await this.#order.quiet()
    this.#clock(long ? ELEVEN_MINUTES : 20_000)
  }

  /** What holds when everything has ended. */
  async #end(): Promise<void> {
    const [failure] = this.#server.failures
    if (failure) throw failure
    endsWhatIsOlder(this.#log)
    await oneSecretOpens(this.#store, this.#log, (id, secret) => this.#mayBeLive(id, secret))
    if (this.#user === 'unsure') await this.#act('login', 0, 0, false)
    await this.#act('me', 1, 0, false)
    for (const form of [...this.#browser.forms, ...this.#thief.forms]) await this.#fill(form)
    await this.#act('me', 0, 0, false)
    // What only the grace of an automatic rotation has let in is shut out by now.
    this.#clock?.(40_000)
    await this.#act('me', 0, 0, false)
  }

  /** The live secret of a session that this browser had is here or nowhere, once the visitor has done something alone. */
  #mayBeLive(id: string, secret: string): boolean {
    if (secret === secretOf(this.#browser.cookie) || this.#user === 'unsure') return true
    // After two renewals by the thief the visitor's secret is a stale one: it is told, and begins another session.
    const stolen = this.#stolen.get(id)
    if (stolen !== undefined && !this.#log.some((done) => done.id === id && done.explicit && done.at > stolen))
      return true
    return !this.#browser.ids.has(id) || !this.#thief.secrets.has(secret)
  }

  /** A form is good for as long as nothing has ended what it was made from; then never again. */
  async #fill({ token, id, at }: Form): Promise<void> {
    const good = id === idOf(this.#browser.cookie) && formIsGood(id, at, this.#log)
    const { status } = await this.#browser.send({ does: 'me', token }, 0)
    assert.equal(status, good ? 200 : 403, good ? 'an open form is refused' : 'a form that was ended is good')
  }
}
