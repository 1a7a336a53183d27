import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

/** Replaces what stands in a page between `<!-- name -->` and `<!-- /name -->`, for each of the parts. */
export function writePage(page, parts) {
  let text = readFileSync(page, 'utf8')
  for (const [name, contents] of Object.entries(parts)) text = fill(text, name, contents, page.pathname)
  writeFileSync(page, text)
  format(page.pathname)
}

function fill(text, name, contents, path) {
  const [from, to] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [at, end] = [text.indexOf(from), text.indexOf(to)]
  if (at < 0 || end < at) throw new Error(`${path} has no place for ${name}: ${from} … ${to}`)
  return `${text.slice(0, at + from.length)}\n\n${contents.trim()}\n\n${text.slice(end)}`
}

export function format(path) {
  const biome = new URL('../node_modules/.bin/biome', import.meta.url).pathname
  execFileSync(biome, ['format', '--write', path], { stdio: ['ignore', 'ignore', 'inherit'] })
}
