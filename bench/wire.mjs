import { connect, createServer } from 'node:net'

/** A proxy that counts what one process and its store send each other: bytes, and the commands among them. */
export class Wire {
  bytes = 0
  commands = 0
  #server
  #sockets = new Set()

  static async before(url) {
    const wire = new Wire()
    const { protocol, hostname, port } = new URL(url)
    const countOf = COUNTERS[protocol]
    wire.#server = createServer((client) => {
      const server = connect(Number(port), hostname)
      const count = countOf()
      for (const [from, to] of [
        [client, server],
        [server, client],
      ]) {
        wire.#sockets.add(from)
        from.setNoDelay(true)
        from.on('error', () => {})
        from.on('close', () => to.destroy())
        from.on('data', (piece) => {
          wire.bytes += piece.length
          if (from === client) wire.commands += count(piece)
          to.write(piece)
        })
      }
    })
    await new Promise((resolve) => wire.#server.listen(0, '127.0.0.1', resolve))
    return wire
  }

  through(url) {
    const through = new URL(url)
    through.host = `127.0.0.1:${this.#server.address().port}`
    // A replica set would tell the driver its members' own addresses.
    if (through.protocol === 'mongodb:') through.search = '?directConnection=true'
    return through.href
  }

  reset() {
    this.bytes = 0
    this.commands = 0
  }

  close() {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

/** Counts frames in what a client sends piece by piece. `next` gives a frame's length, 0 when it is not all there. */
function frames(next) {
  let rest = Buffer.alloc(0)
  return (piece) => {
    rest = rest.length > 0 ? Buffer.concat([rest, piece]) : piece
    let count = 0
    for (let length = next(rest); length > 0 && length <= rest.length; length = next(rest)) {
      if (next.counts(rest, length)) count++
      rest = rest.subarray(length)
    }
    return count
  }
}

const COUNTERS = {
  /** A list of texts each: `*2\r\n$3\r\nGET\r\n$1\r\na\r\n`. */
  'redis:'() {
    const next = (buffer) => {
      let at = buffer.indexOf('\r\n')
      if (at < 0) return 0
      const parts = Number(buffer.toString('latin1', 1, at))
      at += 2
      for (let i = 0; i < parts; i++) {
        const end = buffer.indexOf('\r\n', at)
        if (end < 0) return 0
        at = end + 2 + Number(buffer.toString('latin1', at + 1, end)) + 2
      }
      return at <= buffer.length ? at : 0
    }
    next.counts = () => true
    return frames(next)
  },
  /** A type and a length, but for the first message, which has no type. Execute and Query run something. */
  'postgres:'() {
    let started = false
    const next = (buffer) => {
      if (buffer.length < 5) return 0
      return started ? 1 + buffer.readInt32BE(1) : buffer.readInt32BE(0)
    }
    next.counts = (buffer) => {
      const first = !started
      started = true
      return !first && (buffer[0] === 0x45 || buffer[0] === 0x51)
    }
    return frames(next)
  },
  /** A length and a number first. The command 3 is a query, 23 a statement that was made ready. */
  'mysql:'() {
    const next = (buffer) => (buffer.length < 4 ? 0 : 4 + buffer.readUIntLE(0, 3))
    next.counts = (buffer) => buffer[3] === 0 && (buffer[4] === 3 || buffer[4] === 23)
    return frames(next)
  },
  /** A length first. `hello` is how the driver watches the server. */
  'mongodb:'() {
    const next = (buffer) => (buffer.length < 4 ? 0 : buffer.readInt32LE(0))
    next.counts = (buffer, length) => !/hello|ismaster/i.test(buffer.toString('latin1', 0, Math.min(length, 80)))
    return frames(next)
  },
}
