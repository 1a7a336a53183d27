import { connect, createServer, type Server, type Socket } from 'node:net'

/** What becomes of bytes on their way: they pass, they wait for `release()`, they vanish, or their connection breaks. */
export type Fate = 'pass' | 'hold' | 'vanish' | 'break'

/** A TCP proxy in front of a server, which counts what passes and can do what networks do. */
export class TcpProxy {
  /** Bytes in both directions since the last `reset()`. */
  bytes = 0
  /** Asked for each piece that the client sends. */
  request: (piece: Buffer) => Fate = () => 'pass'
  /** Asked for each piece that the server sends. */
  reply: (piece: Buffer) => Fate = () => 'pass'
  readonly #target: { host: string; port: number }
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #held: (() => void)[] = []

  private constructor(target: URL) {
    this.#target = { host: target.hostname, port: Number(target.port) }
    this.#server = createServer((client) => this.#accept(client))
  }

  /** A proxy in front of the server at this URL. */
  static async before(url: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(new URL(url))
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  /** The URL, by way of this proxy. */
  through(url: string): string {
    const through = new URL(url)
    through.host = `127.0.0.1:${(this.#server.address() as { port: number }).port}`
    return through.href
  }

  reset(): void {
    this.bytes = 0
  }

  /** Lets go on what was held, in its order. */
  release(): void {
    for (const go of this.#held.splice(0)) go()
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.cut()
    await closed
  }

  #accept(client: Socket): void {
    const server = connect(this.#target)
    const line = { dead: false }
    this.#pipe(client, server, line, (piece) => this.request(piece))
    this.#pipe(server, client, line, (piece) => this.reply(piece))
  }

  #pipe(from: Socket, to: Socket, line: { dead: boolean }, fate: (piece: Buffer) => Fate): void {
    this.#sockets.add(from)
    from.setNoDelay(true)
    from.on('error', () => {})
    from.on('data', (chunk) => {
      this.bytes += chunk.length
      const what = line.dead ? 'vanish' : fate(chunk)
      // A connection that has lost bytes never works again: TCP delivers all or nothing more.
      if (what === 'vanish') line.dead = true
      if (what === 'pass') to.write(chunk)
      if (what === 'hold') {
        from.pause()
        this.#held.push(() => {
          to.write(chunk)
          from.resume()
        })
      }
      if (what !== 'break') return
      from.destroy()
      to.destroy()
    })
    from.on('end', () => to.end())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
