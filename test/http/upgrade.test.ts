import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it } from 'vitest'
import type { SessionHandle } from '../../src/api/types.ts'
import { KEY, Visitor } from '../visitor.ts'

type Handle = SessionHandle<{ messages: number }>

/** A server with one session, and a socket that it opened; each byte that comes through the socket is a message. */
async function open(kind: 'Koa' | 'node:http', on: (session: Handle) => unknown) {
  const told: string[] = []
  const failed = (error: unknown) => void told.push((error as { code: string }).code)
  const app = Object.assign(new Koa(), { keys: [KEY] })
  app.on('error', failed)
  const store = memory()
  const http = httpSessions<{ messages: number }>({ keys: [KEY], store, onError: failed })
  const koa = atomicSession<{ messages: number }>(app, { store })
  const upgrade = (request: IncomingMessage) => (kind === 'Koa' ? koa : http).upgrade(request)
  const server = createServer(
    http.listener(async (request, response) => {
      if (request.url === '/logout') await http.of(request, response).destroy()
      else if (request.url === '/inc') await http.of(request, response).inc('messages', 0)
      response.end(JSON.stringify(request.url === '/logout' ? {} : (await http.of(request, response)).data))
    }),
  )
  server.on('upgrade', (request, socket) => {
    const session = upgrade(request)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      for (const _ of chunk) on(session)
      socket.write('.')
    })
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const visitor = new Visitor(`http://127.0.0.1:${port}`)
  await visitor.fetch('/inc')
  const socket = connect(port, '127.0.0.1')
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: ${visitor.header}\r\n\r\n`,
  )
  await once(socket, 'data')
  return {
    visitor,
    told,
    /** Sends so many messages in one piece, and waits until the server has seen them. */
    async send(messages: number) {
      socket.write('m'.repeat(messages))
      await once(socket, 'data')
    },
    close() {
      socket.destroy()
      server.close().closeAllConnections()
    },
  }
}

describe.each(['Koa', 'node:http'] as const)("a WebSocket's messages on %s", (kind) => {
  it('that come all at once are counted up to a bound; what is beyond is told, and the process goes on', async () => {
    const { visitor, told, send, close } = await open(kind, (session) => void session.inc('messages'))
    await send(1001)
    await expect.poll(async () => (await visitor.json('/')).messages).toBe(1000)
    expect(told).toEqual(['ERR_SESSION_USAGE'])
    // The next ones have room again.
    await send(3)
    await expect.poll(async () => (await visitor.json('/')).messages).toBe(1003)
    expect(told).toHaveLength(1)
    close()
  })

  it('whose chains fail and are not awaited are told once each, while the socket is open', async () => {
    const { visitor, told, send, close } = await open(kind, (session) => void session.inc('messages'))
    await send(1)
    await expect.poll(async () => (await visitor.json('/')).messages).toBe(1)
    await visitor.fetch('/logout')
    await send(5)
    await expect.poll(() => told).toEqual(Array(5).fill('ERR_SESSION_GONE'))
    close()
  })

  it('whose chains fail and are awaited are told to who awaits them only', async () => {
    const caught: string[] = []
    const { visitor, told, send, close } = await open(kind, (session) =>
      session.inc('messages').catch((error) => caught.push((error as { code: string }).code)),
    )
    await send(1)
    await expect.poll(async () => (await visitor.json('/')).messages).toBe(1)
    await visitor.fetch('/logout')
    await send(5)
    await expect.poll(() => caught).toEqual(Array(5).fill('ERR_SESSION_GONE'))
    expect(told).toEqual([])
    close()
  })
})
