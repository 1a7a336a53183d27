/** Pages that notice what another tab does: a stream for each open page, which ends with its session. */
export function liveEvents(sessions) {
  const open = new Set()
  return {
    /** A log-out, a log-in or the end of the session in any other tab ends the stream with one message. */
    async show(ctx) {
      // An open page does not keep its visitor logged in.
      const handle = sessions.of(ctx, { touch: false })
      await handle
      // From here on this handler answers by itself: Koa takes a reader who leaves for an error of the stream.
      ctx.respond = false
      const stream = ctx.res
      stream.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
      open.add(stream)
      stream.on('close', () => open.delete(stream))
      const end = () => stream.end('event: ended\ndata: ended\n\n')
      if (handle.ended.aborted) end()
      else handle.ended.addEventListener('abort', end, { once: true })
      stream.write(': open\n\n')
    },
    /** The server is going down. Browsers come again by themselves. */
    close() {
      for (const stream of open) stream.end()
    },
  }
}
