// Compiled, never run: what must type-check, and by @ts-expect-error what must not.
import Koa from 'koa'
import {
  atomicSession,
  type ClientDescription,
  type LoadedSession,
  type Minted,
  type ReservedName,
  type Session,
  type SessionContext,
  type SessionEvent,
  type SessionHandle,
} from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { z } from 'zod'
import type { CommandName, commands } from '../src/algebra/index.ts'

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function exactly<A, B>(same: Equals<A, B>): void

interface Shop {
  user_id: number
  name: string
  role: 'admin' | 'user'
  seen: string[]
  cart: { sku: string; qty: number }[]
  since: Date
  address?: { city: string }
}

const app = new Koa()
const sessions = atomicSession<Shop>(app, { store: memory(), maxAge: '1 month' })
declare const ctx: Koa.Context
const handle = sessions.of(ctx)
const session = await handle

// What a session shows: every field may be missing, nothing can be assigned, nothing is `any`.
exactly<typeof session, Session<Shop>>(true)
exactly<typeof session.user_id, number | undefined>(true)
exactly<typeof session.role, 'admin' | 'user' | undefined>(true)
exactly<typeof session.seen, readonly string[] | undefined>(true)
exactly<typeof session.since, Date | undefined>(true)
// @ts-expect-error: assignments change nothing
session.user_id = 1
// @ts-expect-error: nor do those within
session.seen!.push('x')
// @ts-expect-error: nor deletions
delete session.name
// @ts-expect-error: no such field
session.nobody
// @ts-expect-error: the session's own properties are read-only too
session.id = 'x'

// Wrong keys and wrong values.
handle.set('user_id', 42).set({ name: 'x', role: 'user' }).unset('name', 'cart.0')
// @ts-expect-error: no such field
handle.set('nobody', 1)
// @ts-expect-error: a user_id is a number
handle.set('user_id', '42')
// @ts-expect-error: there is no such role
handle.set('role', 'root')
// @ts-expect-error: no such field
handle.set({ nobody: 1 })
// @ts-expect-error: a user_id is a number
handle.set({ user_id: 'x' })
// @ts-expect-error: no such field
handle.unset('nobody')
// @ts-expect-error: inc is for numbers
handle.inc('name')
// @ts-expect-error: by a number
handle.inc('user_id', '1')
// @ts-expect-error: push is for lists
handle.push('name', 'x')
// @ts-expect-error: the list holds strings
handle.push('seen', 1)
// @ts-expect-error: an element needs its qty
handle.push('cart', { sku: 'x' })
// @ts-expect-error: addToSet is for lists
handle.addToSet('user_id', 1)
// @ts-expect-error: currentDate is for dates
handle.currentDate('name')
// @ts-expect-error: pop is for lists
handle.pop('name')
// @ts-expect-error: pop takes one end
handle.pop('seen', 2)
// @ts-expect-error: the condition must be possible
handle.if('role', 'root')
// @ts-expect-error: nothing is asked for by its own name, ifMissing
handle.if('name', undefined)
// @ts-expect-error: a name is a text
handle.takeIf('name', 7)
// @ts-expect-error: undefined proves nothing
handle.takeIf('name', undefined)
// @ts-expect-error: no such field
handle.ifMissing('nobody')
// @ts-expect-error: a promise is always true, so it must be awaited
if (handle.takeIf('name', 'x')) session.createCSRF()
handle
  .push('seen', 'a', 'b')
  .pushAll('cart', [{ sku: 'x', qty: 1 }], { slice: -10 })
  .pop('cart', -1)
handle.min('since', new Date()).max('user_id', 7).currentDate('since').if('role', 'user').ifMissing('name')

// Dotted paths reach into fields, not beside them.
handle.set('address.city', 'Ulm').inc('cart.0.qty').unset('address.city')
// @ts-expect-error: a path begins with a field
handle.inc('nobody.n')

// What comes back.
exactly<Awaited<ReturnType<typeof handle.inc>>, Session<Shop>>(true)
exactly<Awaited<ReturnType<typeof session.take<'name'>>>, string | undefined>(true)
exactly<Awaited<ReturnType<typeof session.takeIf<'name'>>>, boolean>(true)
exactly<Awaited<ReturnType<typeof session.destroy>>, void>(true)
const again: Session<Shop> = await session.set('name', 'x').then(session.update)
again.assertCSRF(session.createCSRF())
// @ts-expect-error: nothing is loaded yet, so that there is nothing to make a token of
handle.createCSRF()
// @ts-expect-error: nothing is loaded yet
handle.user_id

// Reserved names, as fields of a type and as keys.
// @ts-expect-error: the session has an id of its own
atomicSession<{ id: string }>(app)
// @ts-expect-error: and a method inc
atomicSession<{ inc: number }>(app)

// A session that nobody has described holds anything.
const anything = atomicSession<Record<never, never>>(app)
const loose = await anything.of(ctx).set('whatever', 1).inc('n').push('list', 1, 'two')
loose.whatever
// @ts-expect-error: but no reserved name
anything.of(ctx).set('id', 1)
// @ts-expect-error: and no assignment
loose.whatever = 2

// The context's method, through Koa's own types and through an application's.
const typed = new Koa<Koa.DefaultState, SessionContext<Shop>>()
atomicSession<Shop>(typed)
typed.use(async (ctx) => {
  exactly<ReturnType<typeof ctx.session>, SessionHandle<Shop>>(true)
  // @ts-expect-error: it is a method, not the session
  ctx.session.user_id
  // @ts-expect-error: nothing can be written on it, either
  ctx.session.user_id = 1
  // @ts-expect-error: nor in its place
  ctx.session = null
  // @ts-expect-error: nothing is loaded yet
  if (ctx.session().role) ctx.throw()
})
app.use((ctx) => {
  ctx.session().set('anything', 1)
  // @ts-expect-error: it is a method, not the session
  ctx.session.user = 1
  // @ts-expect-error: nor in its place
  ctx.session = null
  // @ts-expect-error: nothing is loaded yet, whatever a session may hold
  if (ctx.session().banned) ctx.throw()
  // @ts-expect-error: nor when it is a chain
  ctx.session().set('a', 1).banned
})
// A function alone is enough for a context that an application makes by itself.
const made: SessionContext<Shop> = { session: () => handle }
made.session().inc('user_id')

// Options.
atomicSession(app, { maxAge: 1000, sameSite: 'strict', origin: ['https://example.org'], index: ['user_id'] })
// @ts-expect-error: no such option
atomicSession(app, { maxage: 1000 })
// @ts-expect-error: no such value
atomicSession(app, { sameSite: 'loose' })
// @ts-expect-error: a store is no URL
atomicSession(app, { store: 'mongodb://localhost' })

// Dotted paths know what is there.
handle.set('cart.0.qty', 2).push('seen', 'x').set('address.city', 'Ulm').if('cart.1.sku', 'x')
// @ts-expect-error: a qty is a number
handle.set('cart.0.qty', 'two')
// @ts-expect-error: there is no street
handle.set('address.street', 'x')
// @ts-expect-error: inc is for numbers, within too
handle.inc('cart.0.sku')
// @ts-expect-error: nothing can be within a string
handle.inc('name.length')
// @ts-expect-error: push is for lists, within too
handle.push('cart.0.qty', 1)
// @ts-expect-error: an element of a list is found by its index
handle.set('cart.first.qty', 1)
exactly<Awaited<ReturnType<typeof takeCity>>, string | undefined>(true)
function takeCity() {
  return session.take('address.city')
}
interface Nested {
  lists: { by: Record<string, string[]> }
  whatever: unknown
}
declare const nested: SessionHandle<Nested>
nested.push('lists.by.ada', 'x').set('whatever.at.all', 1).inc('whatever.n')
// @ts-expect-error: the lists hold strings
nested.push('lists.by.ada', 1)

// Several values by their paths, dotted ones among them.
handle.set({ 'address.city': 'Ulm', 'cart.0.qty': 2, name: 'x', seen: ['a'], role: 'user', cart: [] })
declare const part: Partial<Pick<Shop, 'name' | 'role'>>
handle.set(part)
// @ts-expect-error: a qty is a number
handle.set({ name: 'x', 'cart.0.qty': 'two' })
// @ts-expect-error: there is no street
handle.set({ 'address.street': 'x' })
// @ts-expect-error: the session has an id of its own
handle.set({ id: 'x' })

// What removes and moves needs a place that can be.
handle.unset('name', 'address.city', 'cart.0').rename('name', 'address.city').rename('cart.0.sku', 'name')
handle.set('address', { city: 'Ulm' }).take('address.city')
// @ts-expect-error: there is no street
handle.unset('name', 'address.street')
// @ts-expect-error: there is no street
handle.rename('address.street', 'name')
// @ts-expect-error: there is no street
handle.rename('name', 'address.street')
// @ts-expect-error: a user_id is a number
handle.rename('name', 'user_id')
// @ts-expect-error: no such role
handle.rename('name', 'role')
handle.rename('role', 'name')

// What is compared with what a field holds must be like it.
handle.pull('seen', 'a').pull('cart', { sku: 'x' }).pullAll('seen', ['a']).pull('cart', { sku: 'x', qty: 1 })
// @ts-expect-error: the list holds strings
handle.pull('seen', 1)
// @ts-expect-error: the list holds strings
handle.pullAll('seen', [1])
// @ts-expect-error: no element has such a field
handle.pull('cart', { color: 'red' })
// @ts-expect-error: whole elements
handle.pullAll('cart', [{ sku: 'x' }])
// @ts-expect-error: a user_id is a number
handle.min('user_id', new Date())
// @ts-expect-error: since is a date
handle.max('since', 5)
// @ts-expect-error: neither a number nor a date
handle.max('name', 5)
handle.min('cart.0.qty', 1)
// @ts-expect-error: a qty is a number
handle.min('cart.0.qty', new Date())

// A path that is known only when it runs.
declare const field: string
// @ts-expect-error: it may be any
handle.inc(field)
anything
  .of(ctx)
  .inc(field)
  .unset(field)
  .set({ [field]: 1 })
  .pull(field, 1)
  .min(field, 3)
  .rename(field, field)
declare const sku: string
declare const stock: SessionHandle<{ left: Record<string, number>; byHour: number[] }>
stock
  .inc(`left.${sku}`)
  .inc(`byHour.${7 as number}`)
  .unset(`left.${sku}`)
// @ts-expect-error: a number
stock.set(`left.${sku}`, 'many')

// A computed key is known only when it runs; the fields beside it are checked all the same.
declare const computed: string
handle.set({ [computed]: 1 })
handle.set({ [`left.${computed}`]: 1, user_id: 2 })
// @ts-expect-error: a user_id is a number, also beside a computed key
handle.set({ [computed]: 1, user_id: 'x' })

// A schema gives the types.
const described = atomicSession(new Koa(), {
  schema: z.object({ user_id: z.number(), seen: z.array(z.string()).optional() }),
})
const shown = await described.of(ctx).set('user_id', 1).push('seen', '/')
exactly<typeof shown.user_id, number | undefined>(true)
// @ts-expect-error: a user_id is a number
described.of(ctx).set('user_id', 'x')
// @ts-expect-error: no such field
shown.nobody

// Every command's name is reserved, and whatever else a session has; a new one can't be forgotten.
exactly<keyof typeof commands, CommandName>(true)
exactly<ReservedName, (keyof LoadedSession<Shop> & string) | 'then' | 'catch' | 'finally'>(true)

// A session for a test takes the application's fields, and gives two texts.
const minted = await sessions.mint({ user_id: 42, role: 'admin' }, { authAt: new Date() })
exactly<typeof minted, Minted>(true)
exactly<Minted['cookie'], string>(true)
// @ts-expect-error: a user_id is a number
sessions.mint({ user_id: '42' })
// @ts-expect-error: no such field
sessions.mint({ nobody: 1 })
// @ts-expect-error: authAt is a Date
sessions.mint({ user_id: 42 }, { authAt: 7 })
memory({ now: () => 7 })
// @ts-expect-error: a clock gives milliseconds
memory({ now: () => new Date() })

// What is kept of a client is shown with what is found.
const [device] = await sessions.find('user_id', 42)
exactly<(typeof device & object)['client'], ClientDescription | undefined>(true)
atomicSession(app, { client: (ctx: Koa.Context) => ({ agent: ctx.get('user-agent'), network: ctx.ip }) })
atomicSession(app, { client: () => undefined })
// @ts-expect-error: a client has no address
atomicSession(app, { client: () => ({ address: '::1' }) })
// @ts-expect-error: it answers at once
atomicSession(app, { client: async () => ({ agent: 'x' }) })
// @ts-expect-error: a subject is the path of one field
atomicSession(app, { subject: ['user_id'] })
exactly<SessionEvent['subject'], string | number | boolean | undefined>(true)
