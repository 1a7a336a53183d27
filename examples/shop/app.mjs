import { readFileSync } from 'node:fs'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { cartActions, cartPage } from './cart.mjs'
import { deviceActions, devicesPage, nameOf } from './devices.mjs'
import { readForm } from './forms.mjs'
import { html, page } from './html.mjs'
import { liveEvents } from './live.mjs'
import { loginActions, loginPage } from './login.mjs'

const file = (name) => readFileSync(new URL(name, import.meta.url), 'utf8')
const FILES = { '/shop.css': ['css', file('shop.css')], '/shop/browser.mjs': ['text/javascript', file('browser.mjs')] }

/** A shop with a cart, log-in and a list of devices, server-rendered, with a CSRF token in every form. */
export function createShop({ store, keys, secure, proxy }) {
  const app = new Koa({ proxy })
  app.keys = keys
  const client = (ctx) => ({ agent: nameOf(ctx.get('user-agent')), network: ctx.ip })
  const sessions = atomicSession(app, { store, secure, maxAge: '1 day', index: ['user'], client })
  const actions = { ...cartActions, ...loginActions, ...deviceActions(sessions) }
  const live = liveEvents(sessions)
  const pages = {
    '/shop': {
      title: 'A small shop',
      content: (session, csrf) =>
        html`${cartPage(session, csrf)}${!session.user && html`<h2>Log in</h2>${loginPage(csrf)}`}`,
    },
    '/devices': { title: 'Your devices', content: (session, csrf) => devicesPage(sessions, session, csrf) },
  }

  app.use(async (ctx) => {
    ctx.set('Content-Security-Policy', "default-src 'self'")
    if (Object.hasOwn(FILES, ctx.path)) [ctx.type, ctx.body] = FILES[ctx.path]
    else if (ctx.path === '/shop/events') await live.show(ctx)
    else if (ctx.method === 'GET' && Object.hasOwn(pages, ctx.path)) await show(ctx, pages[ctx.path])
    else if (ctx.method === 'POST' && Object.hasOwn(actions, ctx.path)) await act(ctx, actions[ctx.path])
  })
  return { app, sessions, close: live.close }
}

async function act(ctx, action) {
  const session = await ctx.session()
  const fields = await readForm(ctx)
  session.assertCSRF(fields.get('csrf'))
  await action(session, fields)
  // After a POST the browser is sent on, so that reloading the page repeats nothing.
  ctx.redirect(ctx.path.startsWith('/devices') ? '/devices' : '/shop')
  ctx.status = 303
}

async function show(ctx, { title, content }) {
  const session = await ctx.session()
  // Of several tabs that load at once exactly one shows the message.
  const flash = session.flash === undefined ? undefined : await session.take('flash')
  const csrf = session.createCSRF()
  ctx.body = page({ path: ctx.path, title, session, flash, csrf, content: await content(session, csrf) })
}
