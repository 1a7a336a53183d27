// Everything that is measured: the same small application, with its sessions kept by each.
import { atomicSession } from '../dist/index.js'
import { openStore } from '../dist/stores/open.js'
import { redis } from '../dist/stores/redis/index.js'
import { dataOf, drivers, koa } from './app.mjs'
import { limit } from './limits.mjs'
import { PEER_SUBJECTS } from './peers.mjs'

const byUrl = async (url) => (await openStore(url)).store
const byIoredis = async (url) => redis(await drivers.ioredis(url))

/**
 * A store to which every copy is one change behind, as if another process had changed the session before each request.
 * The application names its copy, the store compares it and sends the data, and the application keeps a new copy: all
 * that copies can cost, and nothing of what they save.
 */
async function alwaysMissing(url) {
  const store = await byUrl(url)
  const behind = (held) => held && { ...held, version: held.version - 1 }
  const [load, update] = [store.load.bind(store), store.update.bind(store)]
  store.load = (access, held) => load(access, behind(held))
  store.update = (access, change) => update(access, { ...change, held: behind(change.held) })
  return store
}

const ours = (open, options) => async (url) => {
  const store = await open(url)
  await store.setup()
  // Sessions of 64 KiB may grow a little, and a busy disk may be slow: neither is what is measured.
  return koa((app) => atomicSession(app, { store, timeout: 10_000, maxBytes: 131_072, ...options }), {
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
  ours: ours(byUrl),
  'ours, ioredis': ours(byIoredis),
  'ours, no cache': ours(byUrl, { cache: 0 }),
  'ours, outdated copies': ours(alwaysMissing),
  bare: limit(false),
  checked: limit(true),
  'checked, ioredis': limit(true, 'ioredis'),
  ...PEER_SUBJECTS,
}
