import { Socket } from 'node:net'

/**
 * Makes what one turn of the event loop asks of an ioredis client leave in one system call. ioredis makes one for each
 * command, which costs more than the rest of a small read; node-redis gathers by itself.
 *
 * The commands leave after the events of this turn. Microtasks and `process.nextTick` run between two events, so they would
 * never gather the commands of two requests. ioredis has an option, `enableAutoPipelining`, but it waits for the replies to
 * the commands before.
 *
 * ioredis (4 to 6) and iovalkey keep their socket in `stream`, which none of them documents. So anything else there is left
 * alone, and nothing too, as with a cluster: each command leaves by itself then. A socket that ends in the same turn sends
 * what was gathered. One that breaks loses it, as it loses what is on its way: ioredis sends it again, or fails it.
 */
export function gather(client: object): void {
  const { stream } = client as { readonly stream?: unknown }
  if (!(stream instanceof Socket) || !stream.writable || stream.writableCorked > 0) return
  stream.cork()
  setImmediate(() => stream.uncork())
}
