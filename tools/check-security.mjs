// Lists every requirement of docs/security.md with the tests that carry its id in their names, and fails when a
// requirement has none, when a test that would carry one is left out, when a test names one that the document does not
// have, and when a row has gone from the document.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ID =
  /\b(?:ID|CK|CF|LG)-\d+\b|\bCVE-\d{4}-\d+\b|\bGHSA(?:-[\w]{4}){3}\b|@fastify\/session \w{7}|(?:koa-session|vertx-web|connect-pg-simple) #\d+|koa-session \(source\)|express-session [\d.]+\d|csurf|lodash setters|MongoDB names/g
/** The first text of a call of `it`, which follows the table of an `it.each`. */
const TITLE = /^\s*(?:it[\w.]*[(<].*?|\]\)\(|\)\()?(['"`])(.*)\1,(?: (?:async )?(?:\(|\{|\w+ =>)|$)/
/** A test that does not run. `skipIf` is one that needs a server which is not everywhere. */
const LEFT_OUT = /\b(?:it|test|describe)(?:\.\w+)*\.(?:skip|todo|only|fails)\b|\bx(?:it|describe)\(/
/** The rows that must be there: so many of each kind, and these. */
const ROWS = { ID: 15, CK: 14, CF: 14, LG: 3 }
const ADVISORIES = `CVE-2022-25896 CVE-2023-29019 CVE-2023-29020 @fastify/session 9abea94, @fastify/session 353a79d,
  koa-session #230, CVE-2024-35220 CVE-2024-31999 CVE-2025-46336 CVE-2025-32441 CVE-2026-117499 CVE-2026-88038 CVE-2019-16782 CVE-2026-39324
  express-session 1.17.2, express-session 1.5.2, express-session 1.18.2, CVE-2025-7339 koa-session (source), csurf,
  CVE-2021-29624 CVE-2023-27495 vertx-web #1613, GHSA-2234-fmw7-43wr GHSA-vm6g-8r4h-22x8 CVE-2024-43787 CVE-2023-29003
  CVE-2023-29008 CVE-2022-41919 CVE-2026-27959 CVE-2015-3982 CVE-2015-5143 CVE-2015-5963 CVE-2015-5964 CVE-2014-0473
  CVE-2014-1418 CVE-2023-30861 CVE-2016-7401 CVE-2019-14234 GHSA-c442-97qw-j6c6 connect-pg-simple #151, CVE-2019-15658
  CVE-2023-20866 CVE-2023-20862 CVE-2023-3696 lodash setters, CVE-2024-53900 CVE-2025-23061 MongoDB names,
  CVE-2019-2391 CVE-2020-7610 CVE-2020-8184 CVE-2020-7070 CVE-2023-23934`
const list = process.argv.includes('--list')

const expected = [
  ...Object.entries(ROWS).flatMap(([kind, count]) => Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`)),
  ...ADVISORIES.match(ID),
]
const rows = new Set(
  readFileSync('docs/security.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .flatMap((line) => line.split('|')[1].match(ID) ?? []),
)
const carried = new Map([...rows].map((id) => [id, []]))
const faults = expected.filter((id) => !rows.has(id)).map((id) => `${id} has no row in docs/security.md`)
for (const name of readdirSync('test', { recursive: true }).filter((file) => file.endsWith('.test.ts'))) {
  for (const [i, line] of readFileSync(join('test', name), 'utf8').split('\n').entries()) {
    if (LEFT_OUT.test(line)) faults.push(`test/${name}:${i + 1} leaves a test out, or all others`)
    const [, , title] = TITLE.exec(line) ?? []
    for (const id of title?.match(ID) ?? []) {
      if (carried.has(id)) carried.get(id).push(`${name}: ${title}`)
      else faults.push(`${id} (${name}) is not in docs/security.md`)
    }
  }
}
for (const [id, tests] of carried) {
  if (list) for (const test of tests) console.log(`${id.padEnd(28)} ${test}`)
  if (tests.length === 0) faults.push(`${id} has no test`)
}

for (const fault of faults) console.error(fault)
console.log(`${rows.size} requirements, ${faults.length} faults`)
process.exitCode = faults.length > 0 ? 1 : 0
