import { Worker } from 'node:worker_threads'
import { distDir, type PoolOptions, type PoolWorker, type WorkerRequest } from 'vitest/node'

type Listener = (argument: unknown) => void

/** The thread that waits for the next mutant. */
let kept: Worker | undefined

/**
 * A thread that outlives the run of one mutant, so modules are loaded once and not for each of them: which mutant is active
 * is asked whenever its line runs. One whose line runs only when its module is loaded gets a thread of its own, and
 * nothing is kept of a run that ended with more than failed tests.
 */
class WarmThread implements PoolWorker {
  readonly name = 'warm'
  readonly #options: PoolOptions
  readonly #listeners: [string, Listener][] = []
  #thread: Worker | undefined
  #started = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    if (this.#alone) await kept?.terminate()
    else this.#thread = kept
    kept = undefined
    this.#started = this.#thread !== undefined
    const { env, execArgv } = this.#options
    this.#thread ??= new Worker(`${distDir}/workers/threads.js`, { env: env as NodeJS.ProcessEnv, execArgv })
  }

  on(event: string, callback: Listener): void {
    this.#listeners.push([event, callback])
    this.#thread?.on(event, callback)
  }

  off(event: string, callback: Listener): void {
    this.#thread?.off(event, callback)
  }

  send(message: WorkerRequest): void {
    // It is started, and it is not to stop.
    if (message.type === 'start' && this.#started) this.#answers('started')
    else if (message.type === 'stop') this.#answers('stopped')
    else if (message.type === 'run') {
      // What it was started with is the configuration of an earlier run.
      const context = { ...message.context, config: this.#options.project.serializedConfig }
      this.#thread?.postMessage({ ...message, context })
    } else this.#thread?.postMessage(message)
  }

  deserialize(data: unknown): unknown {
    return data
  }

  async stop(): Promise<void> {
    const thread = this.#thread
    for (const [event, callback] of this.#listeners.splice(0)) this.off(event, callback)
    this.#thread = undefined
    if (this.#alone || this.#options.project.vitest.state.errorsSet.size > 0) await thread?.terminate()
    else kept = thread
  }

  get #alone(): boolean {
    const { mode, mutantActivation } = this.#options.project.getProvidedContext() as object as Record<string, unknown>
    return mode !== 'mutant' || mutantActivation === 'static'
  }

  #answers(type: string): void {
    const listening = this.#listeners.filter(([event]) => event === 'message')
    queueMicrotask(() => {
      for (const [, callback] of listening) callback({ type, __vitest_worker_response__: true })
    })
  }
}

/** Stryker asks Vitest for threads, and gets these. */
export const warm = {
  name: 'warm',
  configureVitest({ project }: { project: PoolOptions['project'] }): void {
    project.config.pool = 'warm' as never
    project.config.poolRunner = { name: 'warm', createPoolWorker: (options) => new WarmThread(options) }
  },
}
