import { badRequest } from './forms.mjs'
import { form, html } from './html.mjs'

export const PRODUCTS = { tea: 'Green tea', cup: 'Tea cup', pot: 'Tea pot' }

/** A cart is an object of quantities: tabs that change different things, or the same thing, don't undo each other. */
export const cartActions = {
  '/shop/add'(session, fields) {
    const product = known(fields)
    return session.inc(`cart.${product}`).set('flash', `${PRODUCTS[product]} is in your cart.`)
  },
  '/shop/quantity'(session, fields) {
    const quantity = Number(fields.get('quantity'))
    if (!(Number.isInteger(quantity) && quantity > 0 && quantity < 100)) throw badRequest('Choose a number up to 99')
    return session.set(`cart.${known(fields)}`, quantity)
  },
  '/shop/remove'(session, fields) {
    const product = known(fields)
    return session.unset(`cart.${product}`).set('flash', `${PRODUCTS[product]} is removed.`)
  },
}

export function cartPage(session, csrf) {
  const cart = Object.entries(session.cart ?? {})
  const product = (id) => html`<input type="hidden" name="product" value="${id}">`
  return html`
    ${Object.entries(PRODUCTS).map(([id, name]) => form(csrf, '/shop/add', html`${product(id)}<button>Buy: ${name}</button> `))}
    <h2>Your cart</h2>
    ${cart.length === 0 && html`<p>It is empty.</p>`}
    ${
      cart.length > 0 &&
      html`<table>
      <thead><tr><th scope="col">Product</th><th scope="col">Quantity</th><td></td></tr></thead>
      <tbody>${cart.map(
        ([id, quantity]) => html`<tr>
        <th scope="row">${PRODUCTS[id]}</th>
        <td>${form(
          csrf,
          '/shop/quantity',
          html`${product(id)}<input type="number" name="quantity" min="1" max="99" value="${quantity}" aria-label="Quantity of ${PRODUCTS[id]}">
          <button>Change</button>`,
        )}</td>
        <td>${form(csrf, '/shop/remove', html`${product(id)}<button aria-label="Remove ${PRODUCTS[id]}">Remove</button>`)}</td>
      </tr>`,
      )}</tbody>
    </table>`
    }`
}

/** Only what is sold becomes part of a path. */
function known(fields) {
  const product = fields.get('product')
  if (!Object.hasOwn(PRODUCTS, product)) throw badRequest('There is no such product')
  return product
}
