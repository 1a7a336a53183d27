import type { Document, MongoCollection } from './client.ts'
import { codeOf } from './outcome.ts'

const COMMAND_NOT_FOUND = 59
/** How old a reading of the server's clock may become: quartz drifts by milliseconds in that time. */
const MAX_AGE = 600_000
/** A reading that took longer than this is taken again, a few times: the first may include the connecting. */
const QUICK = 50
const READINGS = 3
/** After this time a reading that hangs is left to itself, and the next caller begins a new one. */
const PATIENCE = 2000

/**
 * The server's clock, read once and carried on by this process's monotonic clock, so that neither a wrong nor a
 * stepping clock of an application server ends a session early or late.
 */
export class ServerClock {
  readonly #collection: MongoCollection
  #reading: Promise<{ server: number; here: number }> | undefined
  #readAt = Number.NEGATIVE_INFINITY

  constructor(collection: MongoCollection) {
    this.#collection = collection
  }

  async now(): Promise<number> {
    if (!this.#reading || performance.now() - this.#readAt > MAX_AGE) this.#refresh()
    const { server, here } = await this.#reading!
    return Math.round(server + performance.now() - here)
  }

  #refresh(): void {
    const former = this.#reading
    const fresh = this.#read()
    this.#readAt = performance.now()
    // The first caller waits for the first reading; a later one goes on with the old reading until the new one is there.
    this.#reading = former ?? fresh
    const forget = () => {
      if (this.#reading === fresh) this.#reading = undefined
      this.#readAt = Number.NEGATIVE_INFINITY
    }
    const hanging = setTimeout(forget, PATIENCE).unref()
    fresh
      .then(() => {
        this.#reading = fresh
      }, forget)
      .finally(() => clearTimeout(hanging))
  }

  async #read(): Promise<{ server: number; here: number }> {
    for (let readings = 1; ; readings++) {
      const sent = performance.now()
      const { localTime } = await this.#hello()
      const received = performance.now()
      // MongoDB tells a date, some servers of its protocol a number. One that tells nothing is taken to share our clock.
      const told = Number(localTime ?? Number.NaN)
      const server = Number.isFinite(told) ? told : Date.now()
      if (received - sent <= QUICK || readings === READINGS) return { server, here: (sent + received) / 2 }
    }
  }

  async #hello(): Promise<Document> {
    const { db } = this.#collection
    try {
      return await db.command({ hello: 1 })
    } catch (error) {
      // Servers older than 4.4.2, and some that speak the protocol without being MongoDB, know the former name only.
      if (codeOf(error) !== COMMAND_NOT_FOUND) throw error
      return db.command({ isMaster: 1 })
    }
  }
}
