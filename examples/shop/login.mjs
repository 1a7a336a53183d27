import { badRequest } from './forms.mjs'
import { form, html } from './html.mjs'

export const loginActions = {
  /** The secret changes with the privilege, in one atomic update; whatever is in the cart stays there. */
  '/login'(session, fields) {
    const user = fields.get('user')?.trim().slice(0, 40)
    if (!user) throw badRequest('Enter your name')
    const signedIn = session.rotate({ authenticated: true }).set({ user, flash: `Welcome, ${user}.` })
    return fields.has('remember') ? signedIn.touch('90 days') : signedIn
  },
  '/logout': (session) => session.destroy(),
}

/** A demonstration: any name will do. A real application checks a password or a passkey first. */
export function loginPage(csrf) {
  return form(
    csrf,
    '/login',
    html`<label>Your name <input name="user" required maxlength="40" autocomplete="username"></label>
    <label><input type="checkbox" name="remember"> Remember me for 90 days</label>
    <button class="primary">Log in</button>`,
  )
}
