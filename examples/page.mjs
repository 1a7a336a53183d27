const ITEMS = ['apple', 'pear', 'plum']

const html = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

const button = (csrf, action, label, fields = {}) => `
  <form method="post" action="${action}">
    <input type="hidden" name="csrf" value="${html(csrf)}">
    ${Object.entries(fields)
      .map(([name, value]) => `<input type="hidden" name="${name}" value="${html(value)}">`)
      .join('')}
    <button>${html(label)}</button>
  </form>`

const logIn = (csrf) => `
  <form method="post" action="/login">
    <input type="hidden" name="csrf" value="${html(csrf)}">
    <label>Your name <input name="name" required maxlength="40" autocomplete="username"></label>
    <button>Log in</button>
  </form>`

/** The one page of the shop. */
export function page({ session, flash, csrf }) {
  const cart = session.cart ?? []
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A small shop</title>
<style>
  :root { color-scheme: light dark; font: 1.1rem/1.6 system-ui, sans-serif }
  body { max-width: 36rem; margin: 2rem auto; padding: 0 1rem }
  form { display: inline-block; margin: .2rem .4rem .2rem 0 }
  [role=status] { border-left: .3rem solid seagreen; padding-left: .6rem }
</style>
<main>
  <h1>A small shop</h1>
  ${flash ? `<p role="status">${html(flash)}</p>` : ''}
  <p>${session.name ? `Hello ${html(session.name)}. ` : ''}You have opened this page ${session.views} times.</p>
  ${session.name ? button(csrf, '/logout', 'Log out') : logIn(csrf)}
  <h2>Buy</h2>
  ${ITEMS.map((item) => button(csrf, '/cart', item, { item })).join('')}
  <h2>Your cart</h2>
  ${cart.length ? `<ul>${cart.map((item) => `<li>${html(item)} ${button(csrf, '/remove', 'remove all of these', { item })}</li>`).join('')}</ul>` : '<p>It is empty.</p>'}
</main>
</html>`
}
