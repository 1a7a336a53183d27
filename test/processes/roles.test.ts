import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { STORES, serverOf } from '../stores/clients.ts'
import { Visitor } from '../visitor.ts'
import { Process } from './process.ts'

const folder = mkdtempSync(join(tmpdir(), 'roles-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const stores: [string, string | undefined][] = [
  ['sqlite', join(folder, 'roles.db')],
  ...STORES.map((name): [string, string | undefined] => {
    const server = serverOf(name)
    return [name, 'url' in server ? server.url : undefined]
  }),
]

/** A socket that stays open: each order is answered with a line. */
class Orders {
  readonly #socket: Socket
  readonly #lines: AsyncIterator<string>

  private constructor(socket: Socket, lines: AsyncIterator<string>) {
    this.#socket = socket
    this.#lines = lines
  }

  static async open(base: string, cookie: string): Promise<Orders> {
    const { hostname, port } = new URL(base)
    const socket = connect(Number(port), hostname)
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
    const head = [
      'GET / HTTP/1.1',
      `Host: ${hostname}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Cookie: ${cookie}`,
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    while ((await lines.next()).value !== '');
    return new Orders(socket, lines)
  }

  async give(): Promise<string> {
    this.#socket.write('x')
    return (await this.#lines.next()).value
  }

  close(): void {
    this.#socket.destroy()
  }
}

describe.each(stores)('%s, two processes', (_, url) => {
  describe.skipIf(url === undefined)('a role that an administrator drops in one', () => {
    let serving: Process
    let managing: Process
    beforeAll(async () => {
      const start = () => new Process(url!, { TIMEOUT: '120000', INDEX: 'user' }).ready()
      // One after another, because both make the tables.
      serving = await start()
      managing = await start()
    })
    afterAll(() => Promise.all([serving?.stop(), managing?.stop()]))

    it.each([
      ['by the id of the session', (id: string) => `/drop?id=${id}`],
      ['in all sessions of the user', () => '/drop-all'],
    ])('%s is refused in the very next command of a request and of a socket that run in the other', async (_, path) => {
      const visitor = new Visitor(serving.base)
      await visitor.fetch('/login', { method: 'POST' })
      const orders = await Orders.open(serving.base, visitor.header)
      expect(await orders.give()).toBe('deleted')
      const slow = visitor.fetch('/delete', { method: 'POST' })
      expect(await serving.line()).toBe('deleting as admin')
      const id = await visitor.text('/id')
      expect((await fetch(managing.base + path(id), { method: 'POST' })).status).toBe(200)
      // Neither has been told: the database judges the command.
      expect(await orders.give()).toBe('ERR_SESSION_CONDITION')
      await visitor.fetch('/go', { method: 'POST' })
      const refused = await slow
      expect([refused.status, await refused.json()]).toEqual([409, { code: 'ERR_SESSION_CONDITION', applied: false }])
      expect(await orders.give()).toBe('ERR_SESSION_CONDITION')
      const { deleted, role } = await visitor.json('/')
      expect([deleted, role]).toEqual([1, undefined])
      orders.close()
    })
  })
})
