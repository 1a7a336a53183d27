import { badRequest } from './forms.mjs'
import { form, html } from './html.mjs'

export const PRODUCTS = { tea: 'Green tea', cup: 'Tea cup', pot: 'Tea pot' }
/** In cents: whole numbers add up exactly. */
const PRICES = { tea: 850, cup: 1200, pot: 3900 }
const TELLS = { tea: 'Sencha, 100 g', cup: 'Stoneware, 20 cl', pot: 'Cast iron, 80 cl' }
const price = (cents) => `€ ${(cents / 100).toFixed(2)}`

/** A cart is an object of quantities: tabs that change different things, or the same thing, don't undo each other. */
export const cartActions = {
  '/shop/add'(session, fields) {
    const product = known(fields)
    return session.inc(`cart.${product}`).set('flash', `${PRODUCTS[product]} is in your cart.`)
  },
  '/shop/quantity'(session, fields) {
    const quantity = Number(fields.get('quantity'))
    if (!(Number.isInteger(quantity) && quantity > 0 && quantity < 100))
      throw badRequest('Choose a number from 1 to 99')
    return session.set(`cart.${known(fields)}`, quantity)
  },
  '/shop/remove'(session, fields) {
    const product = known(fields)
    return session.unset(`cart.${product}`).set('flash', `${PRODUCTS[product]} was removed.`)
  },
}

export function cartPage(session, csrf) {
  const cart = Object.entries(session.cart ?? {})
  const product = (id) => html`<input type="hidden" name="product" value="${id}">`
  return html`
    <ul class="products">${Object.entries(PRODUCTS).map(
      ([id, name]) => html`<li>
      <h2>${name}</h2><p>${TELLS[id]}</p><p class="price">${price(PRICES[id])}</p>
      ${form(csrf, '/shop/add', html`${product(id)}<button class="primary" aria-label="Buy: ${name}">Buy</button>`)}</li>`,
    )}</ul>
    <h2>Your cart</h2>
    ${cart.length === 0 && html`<p>Your cart is empty.</p>`}
    ${
      cart.length > 0 &&
      html`<table class="cards">
      <thead><tr><th scope="col">Product</th><th scope="col">Quantity</th><th scope="col">Price</th><td></td></tr></thead>
      <tbody>${cart.map(
        ([id, quantity]) => html`<tr>
        <th scope="row">${PRODUCTS[id]}</th>
        <td>${form(
          csrf,
          '/shop/quantity',
          html`${product(id)}<input type="number" name="quantity" min="1" max="99" value="${quantity}" aria-label="Quantity of ${PRODUCTS[id]}">
          <button>Change</button>`,
        )}</td>
        <td class="price">${price(PRICES[id] * quantity)}</td>
        <td>${form(csrf, '/shop/remove', html`${product(id)}<button class="danger" aria-label="Remove ${PRODUCTS[id]}">Remove</button>`)}</td>
      </tr>`,
      )}</tbody>
      <tfoot><tr><th scope="row">Total</th><td></td><td class="price">${price(cart.reduce((sum, [id, quantity]) => sum + PRICES[id] * quantity, 0))}</td><td></td></tr></tfoot>
    </table>`
    }`
}

/** Only what is sold becomes part of a path. */
function known(fields) {
  const product = fields.get('product')
  if (!Object.hasOwn(PRODUCTS, product)) throw badRequest('This product does not exist')
  return product
}
