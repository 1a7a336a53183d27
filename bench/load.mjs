import { connect } from 'node:net'

/**
 * Sends requests over kept-alive connections for some time, or `count` of them, each connection one after another. Answers
 * how many were answered with 2xx and how long each took. Raw sockets, because an HTTP client costs more than the server.
 */
export async function load({ ports, requests, connections, ms, count = Number.POSITIVE_INFINITY }) {
  const latencies = []
  let failed = 0
  let next = 0
  const end = performance.now() + ms
  const one = (_, i) =>
    new Promise((resolve, reject) => {
      const socket = connect(ports[i % ports.length], '127.0.0.1')
      socket.setNoDelay(true)
      let began = 0
      let buffer = ''
      const send = () => {
        began = performance.now()
        if (began > end || next >= count) return socket.end(resolve)
        socket.write(requests[next++ % requests.length])
      }
      socket.once('connect', send)
      socket.once('error', reject)
      socket.setEncoding('latin1')
      socket.on('data', (chunk) => {
        buffer += chunk
        const head = buffer.indexOf('\r\n\r\n')
        if (head < 0) return
        const length = /\r\ncontent-length: (\d+)/i.exec(buffer)
        const whole = length
          ? buffer.length >= head + 4 + Number(length[1])
          : buffer.endsWith('0\r\n\r\n') || / 204 | 304 /.test(buffer.slice(0, 16))
        if (!whole) return
        if (buffer[9] === '2') latencies.push(performance.now() - began)
        else failed++
        buffer = ''
        send()
      })
    })
  const began = performance.now()
  await Promise.all(Array.from({ length: connections }, one))
  const seconds = (performance.now() - began) / 1000
  latencies.sort((a, b) => a - b)
  const at = (p) => latencies[Math.floor(latencies.length * p)] ?? 0
  return { perSecond: latencies.length / seconds, count: latencies.length, failed, p50: at(0.5), p99: at(0.99) }
}

/** A request as bytes. */
export function requestOf(method, path, cookie) {
  const length = method === 'POST' ? 'Content-Length: 0\r\n' : ''
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${length}${cookie ? `Cookie: ${cookie}\r\n` : ''}\r\n`)
}
