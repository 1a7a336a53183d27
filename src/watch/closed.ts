/** The part of a socket or of a response that is used. */
interface Closing {
  readonly destroyed: boolean
  readonly closed?: boolean
  once(event: 'close', listener: () => void): unknown
}

/** Calls `done` once when it closes, at once if it has. */
export function whenClosed(end: Closing, done: () => void): void {
  if (end.destroyed || end.closed) done()
  else end.once('close', done)
}
