import { form, html } from './html.mjs'
import { loginPage } from './login.mjs'

/** The actions of 'Your devices': only sessions of who asks can be named. */
export function deviceActions(sessions) {
  return {
    async '/devices/revoke'(session, fields) {
      if (!session.user) return
      const device = sessions.at(fields.get('id') ?? '')
      try {
        // Only one of their own: the condition refuses any other.
        await device.if('user', session.user).destroy()
      } catch (error) {
        // It has ended meanwhile, or is somebody else's: the list shows what there is.
        if (error.status !== 409) throw error
      }
    },
    async '/devices/others'(session) {
      if (session.user) await sessions.destroyAll('user', session.user, { except: session.id })
    },
  }
}

export async function devicesPage(sessions, session, csrf) {
  if (!session.user) return html`<p>Log in to see where you are logged in.</p>${loginPage(csrf)}`
  const devices = await sessions.find('user', session.user, { order: 'seen' })
  const when = (date) => html`<time datetime="${date.toISOString()}">${date.toUTCString().slice(5, 22)}</time>`
  return html`<table class="cards">
    <thead><tr><th scope="col">Device</th><th scope="col">Logged in</th><th scope="col">Last used</th><td></td></tr></thead>
    <tbody>${devices.map(
      ({ id, client, authAt, created, seen }) => html`<tr>
      <th scope="row">${client?.agent} <small>${client?.network}</small></th><td data-name="Logged in">${when(authAt ?? created)}</td><td data-name="Last used">${when(seen)}</td>
      <td>${
        id === session.id
          ? html`<strong>This device</strong>`
          : form(
              csrf,
              '/devices/revoke',
              html`<input type="hidden" name="id" value="${id}"><button class="danger">Log out there</button>`,
            )
      }</td></tr>`,
    )}</tbody>
  </table>
  <p>${form(csrf, '/devices/others', html`<button class="danger">Log out everywhere else</button>`)}</p>`
}

/** What a list of devices calls a browser. */
export function nameOf(agent) {
  const system = /Android|iPhone|iPad|Windows|Mac OS|Linux/.exec(agent)?.[0] ?? 'unknown system'
  const browser = (/Firefox|Edg|Chrome|Safari/.exec(agent)?.[0] ?? 'Browser').replace(/^Edg$/, 'Edge')
  return `${browser} on ${system}`
}
