import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { page } from './page.mjs'

/** A small shop: a cart, a flash message, log-in and log-out, a CSRF token in every form, also before log-in. */
export function createApp(store) {
  const app = new Koa()
  const sessions = atomicSession(app, { store, maxAge: '30 days' })

  app.use(async (ctx) => {
    if (ctx.method === 'GET' && ctx.path === '/') return show(ctx)
    const action = ctx.method === 'POST' && Object.hasOwn(actions, ctx.path) && actions[ctx.path]
    if (!action) return
    const session = await ctx.session()
    const form = await readForm(ctx)
    session.assertCSRF(form.get('csrf'))
    await action(session, form)
    // After a POST the browser is sent on, so that reloading the page repeats nothing.
    ctx.redirect('/')
    ctx.status = 303
  })
  return { app, sessions }
}

const actions = {
  '/cart': (session, form) =>
    session.push('cart', form.get('item')).set('flash', `${form.get('item')} is in your cart.`),
  '/remove': (session, form) => session.pull('cart', form.get('item')),
  // The secret changes with the privilege, in the same atomic update.
  '/login': (session, form) => session.rotate({ authenticated: true }).set('name', form.get('name')),
  '/logout': (session) => session.destroy(),
}

async function show(ctx) {
  // One command counts the visit; a new visitor's session begins with it.
  const session = await ctx.session().inc('views')
  // Of several tabs that load at once exactly one shows the message.
  const flash = session.flash === undefined ? undefined : await session.take('flash')
  ctx.body = page({ session, flash, csrf: session.createCSRF() })
}

async function readForm(ctx) {
  let text = ''
  for await (const chunk of ctx.req) {
    text += chunk
    if (text.length > 10_000) ctx.throw(413)
  }
  return new URLSearchParams(text)
}
