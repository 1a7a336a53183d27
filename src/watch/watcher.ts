import type { SessionGoneError, SessionRotatedError, SessionUnboundError } from '../errors/index.ts'
import type { State } from '../visit/state.ts'
import { Latest } from './latest.ts'

/** A request whose session is watched, for as long as its socket or its response is open. */
export interface Watched {
  /** What it knows of its session. */
  readonly known: State
  /** When it came to know that, by this process's clock. */
  readonly since: number
  /** A call of its own is on its way. */
  readonly busy: boolean
  /** Reads the session, unless that has happened. */
  current(): unknown
  /** Reads the session again; fails when it is over. */
  reload(): Promise<void>
  /** Calls `done` once nothing can be sent any more. */
  onClose(done: () => void): void
}

/** Tells one request about its session: its end, once, and its versions. */
export class Watcher {
  readonly visit: Watched
  readonly #controller = new AbortController()
  readonly #readers = new Set<Latest<number>>()
  #closed = false
  #version = 0

  constructor(visit: Watched) {
    this.visit = visit
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Nothing more will be told. */
  get over(): boolean {
    return this.#closed || this.signal.aborted
  }

  /** The newest version that is known, and each newer one. */
  versions(): Latest<number> {
    const reader = new Latest<number>((one) => this.#readers.delete(one))
    if (this.over) reader.end()
    else this.#readers.add(reader)
    if (this.#version > 0) reader.offer(this.#version)
    return reader
  }

  /** Versions only grow, and news may overtake each other. */
  changed(version: number): void {
    if (version <= this.#version) return
    this.#version = version
    for (const reader of this.#readers) reader.offer(version)
  }

  end(reason: SessionGoneError | SessionRotatedError | SessionUnboundError): void {
    if (this.over) return
    this.close()
    this.#controller.abort(reason)
  }

  /** The socket or the response has closed: that is no end of the session. */
  close(): void {
    this.#closed = true
    for (const reader of this.#readers) reader.end()
    this.#readers.clear()
  }
}
