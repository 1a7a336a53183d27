import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { KEY } from '../visitor.ts'

/** A process that serves the application of server.mjs, or of another program beside it. */
export class Process {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  base = ''

  constructor(store: string, env: Record<string, string> = {}, program = 'server.mjs') {
    this.#child = spawn(process.execPath, ['--expose-gc', join(import.meta.dirname, program)], {
      env: { ...process.env, STORE: store, SESSION_KEY: KEY, ...env },
      // Its standard input ends with this process, however that ends, and it does the same.
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value ?? 'ended'
  }

  async ready(): Promise<this> {
    const port = /^port (\d+)$/.exec(await this.line())?.[1]
    if (!port) throw new Error('a process of the tests ended before it served')
    this.base = `http://127.0.0.1:${port}`
    return this
  }

  /** Sends a signal and waits for the end; answers the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode
    const gone = new Promise<number | null>((resolve) => this.#child.once('exit', resolve))
    this.#child.kill(signal)
    return gone
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
}
