import { fork } from 'node:child_process'
import { load, requestOf } from './load.mjs'
import { cpuIfHere } from './processes.mjs'

/**
 * So many visitors are made at once. When it is 50, V8 sees the first objects of a young process survive its collections,
 * and from then on allocates all of their kind among the old ones, which then hold whole requests: a state that costs
 * any subject up to half of its throughput, and that it falls into or not by chance (`--trace-pretenuring-statistics`).
 */
const AT_ONCE = 10

/** One subject in processes of its own, which all serve the same sessions. */
export class Subject {
  #children
  #ports
  #databasePorts
  #cookies = new Map()

  /** Starts as many processes on this store. */
  static async start(name, url, processes = 1) {
    const subject = new Subject()
    // SQLite has a path, and no server.
    subject.#databasePorts = URL.canParse(url) ? [new URL(url).port].filter(Boolean) : []
    subject.#children = Array.from({ length: processes }, () =>
      fork(new URL('server.mjs', import.meta.url).pathname, [name, url]),
    )
    for (const child of subject.#children) {
      child.once('exit', (code) => {
        console.error(`a server of ${name} has ended with ${code}`)
        process.exit(1)
      })
    }
    subject.#ports = (await Promise.all(subject.#children.map(answer))).map(({ port }) => port)
    return subject
  }

  /** Cookies of visitors whose sessions hold so many bytes, made once. */
  async visitors(count, bytes) {
    const key = `${count} ${bytes}`
    if (!this.#cookies.has(key)) {
      const list = []
      while (list.length < count) {
        const some = Array.from({ length: Math.min(AT_ONCE, count - list.length) }, async () => {
          const response = await fetch(`${this.#base}/create?bytes=${bytes}`, { method: 'POST' })
          if (response.status !== 200) throw new Error(`no session: ${response.status}`)
          return response.headers
            .getSetCookie()
            .map((cookie) => cookie.split(';')[0])
            .join('; ')
        })
        list.push(...(await Promise.all(some)))
      }
      this.#cookies.set(key, list)
    }
    return this.#cookies.get(key)
  }

  /** These visitors are there already, made by somebody else. */
  know(cookies, bytes) {
    this.#cookies.set(`${cookies.length} ${bytes}`, cookies)
  }

  /**
   * So many milliseconds of a cell: requests a second, latencies, and the processor time of a request, here (`cpu`), where
   * the load comes from, and in the database, if that is on this machine.
   */
  async run(cell, { connections, ms }) {
    const requests = await this.#requests(cell)
    const database = cpuIfHere(this.#databasePorts)
    const before = await this.#cpu()
    const own = process.cpuUsage()
    const result = await load({ ports: this.#ports, requests, connections, ms })
    const { user, system } = process.cpuUsage(own)
    const cpu = (await this.#cpu()) - before
    const count = result.count + result.failed
    return {
      ...result,
      cpu: cpu / count,
      load: (user + system) / count,
      ...(database !== undefined && { database: (cpuIfHere(this.#databasePorts) - database) / count }),
    }
  }

  /** A request of each visitor. */
  async once(cell, connections) {
    const requests = await this.#requests(cell)
    await load({ ports: this.#ports, requests, connections, ms: Number.POSITIVE_INFINITY, count: requests.length })
  }

  async #requests({ path, method = 'GET', visitors, bytes }) {
    if (visitors === 0) return [requestOf(method, path)]
    return (await this.visitors(visitors, bytes)).map((cookie) => requestOf(method, path, cookie))
  }

  /** How many of 200 changes of one visitor at once are not there afterwards. */
  async lost({ path, bytes }) {
    const [cookie] = await this.visitors(1, bytes)
    const headers = { cookie }
    const count = async () => Number((await fetch(`${this.#base}/count`, { headers })).headers.get('x-count'))
    const before = await count()
    await Promise.all(Array.from({ length: 200 }, () => fetch(this.#base + path, { method: 'POST', headers })))
    const lost = 200 - ((await count()) - before)
    // A count that was not answered says nothing.
    return Number.isFinite(lost) ? lost : undefined
  }

  /** Requests one after another, each of a visitor who has one session or, where `visitors` is 0, none yet. */
  async repeat({ path, method = 'GET', bytes, visitors }, count) {
    const headers = visitors === 0 ? {} : { cookie: (await this.visitors(1, bytes))[0] }
    for (let i = 0; i < count; i++) {
      const { status } = await fetch(this.#base + path, { method, headers })
      if (status !== 200) throw new Error(`${path} was answered with ${status}`)
    }
  }

  stop() {
    for (const child of this.#children) {
      child.removeAllListeners('exit')
      child.kill('SIGKILL')
    }
  }

  get #base() {
    return `http://127.0.0.1:${this.#ports[0]}`
  }

  /** The processes, for whoever looks at them from outside. */
  get pids() {
    return this.#children.map(({ pid }) => pid)
  }

  /** Bytes that live in the heap of the first process, after garbage collection. */
  async heap() {
    return (await this.#ask('heap'))[0].heap
  }

  /** V8's profile of the first process while a cell runs, in the format of --cpu-prof. */
  async profile(cell, load) {
    await this.#ask('profile')
    await this.run(cell, load)
    return (await this.#ask('profiled'))[0].profile
  }

  async #cpu() {
    return (await this.#ask('cpu')).reduce((sum, { cpu }) => sum + cpu.user + cpu.system, 0)
  }

  async #ask(question) {
    const answers = this.#children.map(answer)
    for (const child of this.#children) child.send(question)
    return Promise.all(answers)
  }
}

function answer(child) {
  return new Promise((resolve) => child.once('message', resolve))
}
