/** What each scenario's handlers say, as they stand in whole.mjs and atomic.mjs. */
export const CODE = {
  count: {
    whole: `ctx.session.views += 1
// the middleware writes the whole session
// when the request ends`,
    atomic: `await ctx.session().inc('views')
// the database adds one to what is there`,
  },
  cart: {
    whole: `ctx.session.cart.push(item)
// the middleware writes the whole session
// when the request ends`,
    atomic: `await ctx.session().push('cart', item)
// the database appends to what is there`,
  },
  logout: {
    whole: `ctx.session = null
// a request that has read the session
// writes it back when it ends`,
    atomic: `await ctx.session().destroy()
// a request that is still running gets 409`,
  },
  drop: {
    whole: `// an administrator, from outside:
const session = await store.get(key)
delete session.admin
await store.set(key, session)`,
    atomic: `// an administrator, from outside:
await sessions.at(id).unset('admin')`,
  },
}
