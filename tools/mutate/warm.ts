import type { PoolOptions, PoolWorker, WorkerRequest } from 'vitest/node'
import { ThreadsPoolWorker } from 'vitest/node'

type Thread = NonNullable<ThreadsPoolWorker['_thread']>
type Listener = (argument: unknown) => void

/** The thread that waits for the next mutant. */
let kept: Thread | undefined

/**
 * A thread that outlives the run of one mutant, so the modules are loaded once and not for each of them. Which mutant is
 * active is asked whenever its line runs. One in a line that runs when its module is loaded gets a thread of its own, and
 * so does whatever follows a run that ended with more than a failed test.
 */
class Warm extends ThreadsPoolWorker implements PoolWorker {
  override readonly name = 'warm'
  readonly #project: PoolOptions['project']
  readonly #listeners: [string, Listener][] = []
  #started = false

  constructor(options: PoolOptions) {
    super(options)
    this.#project = options.project
  }

  get #cold(): boolean {
    const { mode, mutantActivation } = this.#project.getProvidedContext() as {
      mode?: string
      mutantActivation?: string
    }
    return mode !== 'mutant' || mutantActivation === 'static'
  }

  override async start(): Promise<void> {
    if (this.#cold) await end()
    this._thread = kept
    this.#started = kept !== undefined
    kept = undefined
    await super.start()
  }

  override on(event: string, callback: Listener): void {
    this.#listeners.push([event, callback])
    super.on(event, callback)
  }

  override send(message: WorkerRequest): void {
    if (message.type === 'start' && this.#started) this.#answers('started')
    else if (message.type === 'stop') this.#answers('stopped')
    // What the thread was started with is the configuration of an earlier run.
    else if (message.type === 'run') {
      super.send({ ...message, context: { ...message.context, config: this.#project.serializedConfig } as never })
    } else super.send(message)
  }

  override async stop(): Promise<void> {
    for (const [event, callback] of this.#listeners.splice(0)) this.off(event, callback)
    if (this.#cold || this.#project.vitest.state.errorsSet.size > 0) return super.stop()
    const thread = this.thread
    thread.stdout.unpipe(this.stdout)
    thread.stderr.unpipe(this.stderr)
    kept = thread
  }

  #answers(type: string): void {
    const listeners = this.#listeners.filter(([event]) => event === 'message')
    queueMicrotask(() => {
      for (const [, callback] of listeners) callback({ type, __vitest_worker_response__: true })
    })
  }
}

async function end(): Promise<void> {
  await kept?.terminate()
  kept = undefined
}

/** Stryker asks for threads: it gets these. */
export const warm = {
  name: 'warm',
  configureVitest({ project }: { project: PoolOptions['project'] }): void {
    project.config.pool = 'warm' as never
    project.config.poolRunner = { name: 'warm', createPoolWorker: (options) => new Warm(options) }
  },
}
