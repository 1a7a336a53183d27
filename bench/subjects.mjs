// Everything that is measured: the same small application, with its sessions kept by each.
import { atomicSession } from '../dist/index.js'
import { openStore } from '../dist/stores/open.js'
import { dataOf, koa } from './app.mjs'
import { limit } from './limits.mjs'
import { PEER_SUBJECTS } from './peers.mjs'

async function ours(url) {
  const { store } = await openStore(url)
  await store.setup()
  // Sessions of 64 KiB may grow a little, and a busy disk may be slow: neither is what is measured.
  return koa((app) => atomicSession(app, { store, timeout: 10_000, maxBytes: 131_072 }), {
    '/create': (ctx, query) => ctx.session().set(dataOf(query.bytes)),
    '/read': async (ctx) => void (await ctx.session()).n,
    '/inc': (ctx) => ctx.session().inc('n'),
    '/forget': (ctx) => void ctx.session().inc('n'),
    '/read-inc': async (ctx) => (await ctx.session()).inc('n'),
    '/many': async (ctx) => (await ctx.session()).inc('n').pushAll('list', [1], { slice: -5 }).set('last', 'many'),
    '/login': (ctx) => ctx.session().rotate({ authenticated: true }).set('user', 1),
    '/count': async (ctx) => ctx.set('x-count', String((await ctx.session()).n)),
  })
}

export const SUBJECTS = {
  koa: async () => koa(() => {}, { '/create': (ctx) => ctx.set('set-cookie', 'none=1') }),
  ours,
  bare: limit(false),
  checked: limit(true),
  ...PEER_SUBJECTS,
}
