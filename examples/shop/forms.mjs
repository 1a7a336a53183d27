const MOST = 10_000

/** A posted form, of a size that no visitor's keyboard exceeds. */
export async function readForm(ctx) {
  let text = ''
  for await (const chunk of ctx.req) {
    text += chunk
    if (text.length > MOST) ctx.throw(413)
  }
  return new URLSearchParams(text)
}

/** What a form that no page of ours sends is answered with. */
export function badRequest(message) {
  return Object.assign(new Error(message), { status: 400, expose: true })
}
