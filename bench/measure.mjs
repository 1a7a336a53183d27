import { systemCalls } from './calls.mjs'
import { DATABASES } from './databases.mjs'
import { FILL } from './fill.mjs'
import { rowOf } from './rows.mjs'
import { SCENES, SIZES, STORED } from './scenes.mjs'
import { Subject } from './subject.mjs'
import { Wire } from './wire.mjs'

const CONNECTIONS = 50

/** Measures the scenes of one store; `plan` says how long, `tell` is given each row. */
export class Measurement {
  #store
  #url
  #plan
  #tell
  #running = new Map()

  constructor(store, url, plan, tell) {
    this.#store = store
    this.#url = url
    this.#plan = plan
    this.#tell = tell
  }

  async run(scenes) {
    const wires = new Wires(this.#store, this.#url)
    for (const scene of scenes) {
      const cells = scene.cells(this.#store).map((cell) => this.#plan.visitors(cell))
      const subjects = []
      for (const cell of cells) subjects.push(await this.#open(cell))
      const runs = await this.#rounds(subjects, cells, scene.known)
      for (const [i, cell] of cells.entries()) {
        const lost = scene.lost ? await subjects[i].lost(cell) : undefined
        const wire = scene.processes ? undefined : await wires.of(cell)
        const calls = scene.calls ? await this.#calls(subjects[i], cell) : undefined
        this.#tell(rowOf({ store: this.#store, scene: scene.name, cell, lost, wire, calls }, runs[i], runs[0]))
      }
      // Four processes more that do nothing still hold memory.
      if (scene.processes) this.#stop(({ processes }) => processes !== undefined)
    }
    wires.stop()
    this.#stop(() => true)
  }

  /** A few stored sessions against very many, each on a server that nothing else has used; answers why it was left out. */
  async stored(few, many) {
    const servers = [await DATABASES[this.#store](), await DATABASES[this.#store]()]
    if (servers[0].url === servers[1].url) return 'its server is handed in, and this scene needs two new ones'
    const bytes = SIZES['0.2 KiB']
    const cells = [few, many].map((count) => ({
      subject: `ours, ${count.toLocaleString('en')} stored`,
      path: '/inc',
      method: 'POST',
      bytes,
      size: '0.2 KiB',
      visitors: few,
    }))
    const subjects = []
    for (const server of servers) subjects.push(await Subject.start('ours', server.url))
    await subjects[0].visitors(few, bytes)
    const [cookie] = await subjects[1].visitors(1, bytes)
    subjects[1].know(await FILL[this.#store](servers[1].url, many, few, cookie), bytes)
    for (const [i, subject] of subjects.entries()) await subject.run(cells[i], this.#warm())
    const runs = await this.#rounds(subjects, cells)
    for (const [i, cell] of cells.entries())
      this.#tell(rowOf({ store: this.#store, scene: STORED, cell }, runs[i], runs[0]))
    for (const subject of subjects) subject.stop()
    for (const server of servers) await server.stop()
  }

  /**
   * Rounds of all cells, one after another, so what disturbs one also disturbs its neighbour. `known`: each visitor comes once
   * before a round, because one process serves all cells, and keeps copies of the sessions of the last ones only.
   */
  async #rounds(subjects, cells, known = false) {
    const { rounds, ms } = this.#plan
    // What a cell needs besides (its visitors, its own code) is made before anything counts.
    for (const [i, cell] of cells.entries()) await subjects[i].run(cell, { connections: CONNECTIONS, ms })
    const runs = cells.map(() => [])
    const measure = async (cell, subject) => {
      if (known) await subject.once(cell, CONNECTIONS)
      const run = await subject.run(cell, { connections: CONNECTIONS, ms })
      if (run.count === 0 && run.failed > 0) throw new Error(`${cell.subject} fails ${cell.path}`)
      return run
    }
    for (let round = 0; round < rounds; round++) {
      for (const [i, cell] of cells.entries()) runs[i].push(await measure(cell, subjects[i]))
    }
    return runs
  }

  /** The system calls of one request, when as many are on their way as in the rounds. */
  async #calls(subject, cell) {
    let requests = 0
    const calls = await systemCalls(subject.pids, async () => {
      const { count, failed } = await subject.run(cell, { connections: CONNECTIONS, ms: this.#plan.ms })
      requests = count + failed
    })
    return calls === undefined ? undefined : Math.round((10 * calls) / requests) / 10
  }

  /** The processes of a subject, started once and warm: code that is not optimised yet is a third as fast. */
  async #open({ subject: name, processes, bytes, visitors }) {
    const key = `${name} ${processes ?? ''}`
    const known = this.#running.get(key)
    if (known) return known.subject
    const subject = await Subject.start(name, this.#url, processes)
    this.#running.set(key, { subject, processes })
    const path = name === 'koa' ? { path: '/none' } : { path: '/inc', method: 'POST' }
    await subject.run({ ...path, bytes, visitors }, this.#warm())
    return subject
  }

  #warm() {
    return { connections: CONNECTIONS, ms: this.#plan.warm }
  }

  #stop(which) {
    for (const [key, one] of this.#running) {
      if (!which(one)) continue
      one.subject.stop()
      this.#running.delete(key)
    }
  }
}

/** What one request of a cell sends to the store and gets from it: bytes with their framing, and commands. */
class Wires {
  #store
  #url
  #open = new Map()

  constructor(store, url) {
    this.#store = store
    this.#url = url
  }

  async of(cell) {
    // SQLite is in the process, and Koa alone has no store.
    if (this.#store === 'sqlite' || cell.subject === 'koa') return undefined
    const { wire, subject } = await this.#before(cell.subject)
    const count = 30
    await subject.repeat(cell, 3)
    wire.reset()
    await subject.repeat(cell, count)
    return { bytes: Math.round(wire.bytes / count), commands: Math.round((10 * wire.commands) / count) / 10 }
  }

  async #before(name) {
    if (!this.#open.has(name)) {
      const wire = await Wire.before(this.#url)
      this.#open.set(name, { wire, subject: await Subject.start(name, wire.through(this.#url)) })
    }
    return this.#open.get(name)
  }

  stop() {
    for (const { wire, subject } of this.#open.values()) {
      subject.stop()
      wire.close()
    }
  }
}

/** The scenes that a run has, in their order. */
export function scenesOf({ quick, scene: name }) {
  return SCENES.filter((scene) => (name ? scene.name === name : scene.quick || !quick))
}
