import { readFileSync } from 'node:fs'

const file = (name, type) => [
  `/lab/${name}`,
  { type, text: readFileSync(new URL(`browser/${name}`, import.meta.url), 'utf8') },
]
const FILES = new Map([
  file('lab.css', 'text/css'),
  file('icon.svg', 'image/svg+xml'),
  file('lab.mjs', 'text/javascript'),
  file('race.mjs', 'text/javascript'),
  file('code.mjs', 'text/javascript'),
  file('lane.mjs', 'text/javascript'),
  ['/', { ...file('lab.html', 'text/html')[1] }],
])

/** Middleware: the page of the lab and what it is made of, all of it from here. */
export function labPage(ctx, next) {
  const found = ctx.method === 'GET' && FILES.get(ctx.path)
  if (!found) return next()
  ctx.set('Content-Security-Policy', "default-src 'self'")
  ctx.type = found.type
  ctx.body = found.text
}
