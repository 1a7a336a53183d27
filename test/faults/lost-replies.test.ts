import { describe, expect, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { ReliableStore } from '../../src/delivery/reliable.ts'
import { errorOf } from '../../src/errors/index.ts'
import { chainOf, changeOf, dataOf, randomId, visitor } from '../../src/testing/harness.ts'
import { site } from '../rules/browser.ts'
import { type Fate, TcpProxy } from '../servers/proxy.ts'
import { KINDS, type Kind, OPEN, serverOf } from '../stores/clients.ts'
import { History } from './checkers.ts'

/** Whether a piece of the server's answers belongs to a session, and not to making a connection. */
const ANSWER: Record<Kind, (piece: Buffer) => boolean> = {
  mongodb: (piece) => !piece.includes('maxWireVersion'),
  // ParseComplete or BindComplete: what the answer to a statement begins with.
  postgres: (piece) => piece[0] === 0x31 || piece[0] === 0x32,
  redis: isAnswer,
  ioredis: isAnswer,
  // The first packet of an answer, but not that of a statement made ready, which has twelve bytes and begins with 0.
  mysql: (piece) => piece[3] === 1 && !(piece[0] === 12 && piece[4] === 0),
}

/** A text of Redis that holds JSON. */
function isAnswer(piece: Buffer): boolean {
  return /^\$\d+\r\n[{[]/.test(piece.toString('latin1', 0, 20))
}

/** Calls that succeed where every third reply is lost may need several tries. */
const TIMEOUT = 20_000

for (const kind of KINDS) {
  const server = serverOf(kind)
  describe.skipIf('missing' in server)(`${kind}, when replies are lost`, () => {
    async function open() {
      const { url } = server as { url: string }
      const proxy = await TcpProxy.before(url)
      const { store, close } = await OPEN[kind](
        proxy.through(url),
        `lost_${kind}_${randomId().slice(0, 6).toLowerCase().replace(/\W/g, '_')}`,
      )
      return {
        store,
        reliable: new ReliableStore(store, TIMEOUT),
        proxy,
        close: () => Promise.all([close(), proxy.close()]),
      }
    }

    it('applies every change once, though the reply of every third is lost', async () => {
      const { store, reliable, proxy, close } = await open()
      const { access } = await visitor(store, { n: 0, list: [] })
      const history = new History()
      let replies = 0
      proxy.reply = (piece): Fate => (ANSWER[kind](piece) && ++replies % 3 === 0 ? 'break' : 'pass')
      for (let i = 0; i < 30; i++) {
        await history.note(i, async () => {
          const answer = await reliable.update(
            access,
            changeOf(chainOf([commands.inc('n'), commands.push('list', [i])])),
          )
          if (answer.outcome === 'refused') throw errorOf(answer.problem)
        })
      }
      proxy.reply = () => 'pass'
      const data = await dataOf(store, access)
      history.check(data.list as number[], data.n as number)
      // A driver that takes its time to connect anew may leave some unknown.
      expect(history.applied.length).toBeGreaterThan(15)
      expect(replies).toBeGreaterThan(30)
      await close()
    })

    it('shows no more and no less than what was applied, of copies in two processes, though the reply of every third is lost', async () => {
      const { store, proxy, close } = await open()
      await store.setup()
      const sites = [site({ store, timeout: TIMEOUT }), site({ store, timeout: TIMEOUT })] as const
      const browser = sites[0].browser()
      await browser.visit((session) => session.set({ about: 'x'.repeat(8000), n: 0, list: [] }))
      const history = new History()
      let replies = 0
      proxy.reply = (piece): Fate => (ANSWER[kind](piece) && ++replies % 3 === 0 ? 'break' : 'pass')
      for (let i = 0; i < 30; i++) {
        const [one, other] = i % 3 ? sites : [sites[1], sites[0]]
        await one.send(browser.cookie, async (session) => {
          await history.note(i, () => session.inc('n').push('list', i))
        })
        const { value: shown } = await other.send(browser.cookie, async (session) => (await session).data)
        // A driver may need all of the time to connect anew.
        if (shown) history.check(shown.list, shown.n)
      }
      proxy.reply = () => 'pass'
      for (const { send } of sites) {
        const { value } = await send(browser.cookie, async (session) => (await session).data)
        expect(value.about).toHaveLength(8000)
        history.check(value.list, value.n)
      }
      expect(history.applied.length).toBeGreaterThan(15)
      expect(replies).toBeGreaterThan(20)
      await close()
    })

    it('creates a session once, and gives it to who began it, though the reply is lost', async () => {
      const { reliable, proxy, close } = await open()
      const id = randomId()
      let broken = 0
      proxy.reply = (piece) => (ANSWER[kind](piece) && broken++ === 0 ? 'break' : 'pass')
      const session = { id, hash: 'h', data: { a: 1 }, maxAge: null, idle: 60_000, authenticated: false }
      expect(await reliable.create(session)).toMatchObject({ id, data: { a: 1 }, version: 1 })
      expect(await reliable.create({ ...session, hash: 'other' })).toBeUndefined()
      await close()
    })

    it('rotates once, though the reply is lost: the new secret is the one that the visitor gets', async () => {
      const { store, reliable, proxy, close } = await open()
      const { access } = await visitor(store, { a: 1 })
      let broken = 0
      proxy.reply = (piece) => (ANSWER[kind](piece) && broken++ === 0 ? 'break' : 'pass')
      const change = changeOf(chainOf(commands.set('user', 1)), { rotation: { to: 'new', grace: 0, epoch: 'e' } })
      expect(await reliable.update(access, change)).toMatchObject({
        outcome: 'changed',
        record: { data: { a: 1, user: 1 } },
      })
      expect(await store.load({ ...access, proof: { hash: 'new' } })).toMatchObject({ outcome: 'live' })
      expect(await store.load(access)).toMatchObject({ outcome: 'rotated' })
      await close()
    })

    it('takes no value twice: who lost the answer is told that nobody knows', async () => {
      const { store, reliable, proxy, close } = await open()
      const { access } = await visitor(store, { flash: 'x' })
      let broken = 0
      proxy.reply = (piece) => (ANSWER[kind](piece) && broken++ === 0 ? 'break' : 'pass')
      const answer = await reliable.update(access, changeOf(chainOf(commands.take('flash'))))
      expect(answer).toMatchObject({ outcome: 'changed', record: { data: {} } })
      // Nothing in the answer pretends that there was no value.
      expect('taken' in answer && answer.taken !== undefined ? answer.taken : 'unknown').toBe(
        'taken' in answer && answer.taken === 'x' ? 'x' : 'unknown',
      )
      await close()
    })
  })
}
