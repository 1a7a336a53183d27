const escaped = (value) => String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

class Html {
  constructor(text) {
    this.text = text
  }
}

/** HTML whose values are escaped, unless they are HTML themselves; lists are joined, what is false is left out. */
export function html(strings, ...values) {
  const print = (value) => {
    if (value instanceof Html) return value.text
    if (Array.isArray(value)) return value.map(print).join('')
    return value === undefined || value === null || value === false ? '' : escaped(value)
  }
  return new Html(String.raw({ raw: strings }, ...values.map(print)))
}

/** A form that carries the session's CSRF token. */
export function form(csrf, action, content) {
  return html`<form method="post" action="${action}"><input type="hidden" name="csrf" value="${csrf}">${content}</form>`
}

const PAGES = { '/': 'Race lab', '/shop': 'Shop', '/devices': 'Your devices' }

export function page({ path, title, session, flash, csrf, content }) {
  const links = Object.entries(PAGES).map(([to, name]) =>
    to === path ? html`<a href="${to}" aria-current="page">${name}</a> ` : html`<a href="${to}">${name}</a> `,
  )
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="/lab/icon.svg">
<link rel="stylesheet" href="/shop.css">
${session.user && html`<script type="module" src="/shop/browser.mjs"></script>`}
<body>
<header>
  <nav aria-label="Examples">${links}</nav>
  ${session.user && html`<div class="user"><span>${session.user}</span> ${form(csrf, '/logout', html`<button>Log out</button>`)}</div>`}
</header>
<main>
  <h1>${title}</h1>
  ${session.user && html`<p id="ended" role="alert" hidden>Your session has ended in another tab. <a href="${path}">Reload this page</a></p>`}
  ${flash && html`<p role="status">${flash}</p>`}
  ${content}
</main>
</body>
</html>`.text
}
