import { atomicSession, type SessionOptions } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import type { Store } from '../../src/contract/store.ts'
import type { SessionEvent } from '../../src/diagnostics/events.ts'
import { gate } from '../gate.ts'
import { counting, TestApp } from '../visitor.ts'

/** An application with the routes that attacks are tried on, and all that a test may look at. */
export class Shop {
  readonly app = new TestApp()
  readonly store: Store & { readonly calls: string[] }
  readonly sessions: ReturnType<typeof atomicSession>
  /** What a route waits for, and what tells that it does. */
  readonly slow = { arrived: gate(), go: gate() }

  constructor(options: SessionOptions = {}, store: Store = memory()) {
    this.store = counting(store)
    this.sessions = atomicSession(this.app.koa, { store: this.store, ...options })
    this.app.koa.use(async (ctx) => {
      const route = this.routes[ctx.path]
      if (!route) return
      ctx.body = (await route(ctx)) ?? {}
    })
  }

  // biome-ignore lint/suspicious/noExplicitAny: Koa's context
  readonly routes: Record<string, (ctx: any) => unknown> = {
    '/read': async (ctx) => ({ ...(await ctx.session()).data }),
    '/inc': async (ctx) => ({ ...(await ctx.session().inc('n')).data }),
    '/read-inc': async (ctx) => ({ ...(await (await ctx.session()).inc('n')).data }),
    '/login': async (ctx) => void (await ctx.session().rotate({ authenticated: true }).set('user', 1)),
    '/logout': (ctx) => ctx.session().destroy(),
    '/regenerate': async (ctx) => void (await (await ctx.session().regenerate()).set('user', 2)),
    '/rotate': async (ctx) => void (await ctx.session().rotate({ grace: Number(ctx.query.grace ?? 0) })),
    '/touch': async (ctx) => void (await ctx.session().touch()),
    '/form': async (ctx) => (await ctx.session()).createCSRF(),
    '/check': async (ctx) => (await ctx.session()).assertCSRF(ctx.get('x-token')),
    '/fresh': async (ctx) => (await ctx.session()).requireFresh('5 minutes'),
    '/slow': async (ctx) => {
      const session = await ctx.session()
      this.slow.arrived.open()
      await this.slow.go.opened
      return { ...(await session.set('late', true)).data }
    },
  }

  async open(): Promise<this> {
    await this.app.listen()
    return this
  }
}

/** What the package tells while the work is done. */
export async function eventsOf(work: () => Promise<unknown>): Promise<SessionEvent[]> {
  const { subscribe, unsubscribe } = await import('node:diagnostics_channel')
  const events: SessionEvent[] = []
  const listen = (event: unknown) => void events.push(event as SessionEvent)
  subscribe('koa-atomic-session:event', listen)
  try {
    await work()
  } finally {
    unsubscribe('koa-atomic-session:event', listen)
  }
  return events
}
