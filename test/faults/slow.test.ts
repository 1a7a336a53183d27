import { describe, expect, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { ReliableStore } from '../../src/delivery/reliable.ts'
import { chainOf, changeOf, dataOf, randomId, visitor } from '../../src/testing/harness.ts'
import { untilItWorks } from '../servers/child.ts'
import { TcpProxy } from '../servers/proxy.ts'
import { KINDS, OPEN, serverOf } from '../stores/clients.ts'
import { History } from './checkers.ts'

for (const kind of KINDS) {
  const server = serverOf(kind)
  describe.skipIf('missing' in server)(`${kind}, when replies are slow`, () => {
    it('a reply after the deadline has no second effect, and is nobody else’s answer', async () => {
      const { url } = server as { url: string }
      const proxy = await TcpProxy.before(url)
      const name = `slow_${kind}_${randomId().slice(0, 6).toLowerCase().replace(/\W/g, '_')}`
      const { store, close } = await OPEN[kind](proxy.through(url), name)
      const reliable = new ReliableStore(store, 500)
      const others = await Promise.all([1, 2, 3].map((i) => visitor(store, { i })))
      const { access } = await visitor(store, { n: 0, list: [] })
      const history = new History()
      const push = (i: number) =>
        history.note(i, () =>
          reliable.update(access, changeOf(chainOf([commands.inc('n'), commands.push('list', [i])]))),
        )

      proxy.reply = () => 'hold'
      await Promise.all([1, 2, 3, 4, 5].map(push))
      expect(history.unknown).toHaveLength(5)
      proxy.reply = () => 'pass'
      proxy.release()
      // The same connections, with the late replies on them, serve what comes next.
      for (const [i, other] of others.entries()) expect(await dataOf(store, other.access)).toEqual({ i: i + 1 })
      let next = 6
      await untilItWorks(async () => {
        await push(next++)
        expect(history.applied.length).toBeGreaterThan(0)
      })
      const data = await dataOf(store, access)
      history.check(data.list as number[], data.n as number)
      await close()
      await proxy.close()
    })
  })
}
