// Lists every requirement of docs/security.md with the tests that carry its id in their names, and fails when a
// requirement has none, or a test names one that the document does not have.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ID =
  /\b(?:ID|CK|CF|LG)-\d+\b|\bCVE-\d{4}-\d+\b|\bGHSA(?:-[\w]{4}){3}\b|@fastify\/session \w{7}|koa-session #\d+|vertx-web #\d+|express-session [\d.]+/g
/** The first text of a call of `it`, which follows the table of an `it.each`. */
const TITLE = /^\s*(?:it[\w.]*\(.*?|\]\)\(|\)\()?(['"`])(.*)\1,(?: (?:async )?(?:\(|\{)|$)/
const list = process.argv.includes('--list')

const required = new Set(
  readFileSync('docs/security.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .flatMap((line) => line.split('|')[1].match(ID) ?? []),
)
const carried = new Map([...required].map((id) => [id, []]))
const unknown = []
for (const name of readdirSync('test', { recursive: true }).filter((file) => file.endsWith('.test.ts'))) {
  for (const line of readFileSync(join('test', name), 'utf8').split('\n')) {
    const [, , title] = TITLE.exec(line) ?? []
    for (const id of title?.match(ID) ?? []) {
      if (carried.has(id)) carried.get(id).push(`${name}: ${title}`)
      else unknown.push(`${id} (${name})`)
    }
  }
}

for (const [id, tests] of carried) {
  if (list) for (const test of tests) console.log(`${id.padEnd(28)} ${test}`)
  if (tests.length === 0) console.error(`${id} has no test`)
}
for (const one of unknown) console.error(`${one} is not in docs/security.md`)
const missing = [...carried.values()].filter((tests) => tests.length === 0).length
console.log(`${required.size} requirements, ${missing} without a test`)
process.exitCode = missing + unknown.length > 0 ? 1 : 0
