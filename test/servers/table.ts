import type { ProvidedContext } from 'vitest'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import { NOT_ASKED, type Provided } from './setup.ts'

/** The rows, and by which words in its file's path or its name a test belongs to one. A test may belong to several. */
const ROWS: readonly { name: string; words: RegExp; server?: Exclude<keyof ProvidedContext, 'run'>; what?: string }[] =
  [
    { name: 'memory', words: /\bmemory\b/i, what: 'in the process' },
    { name: 'sqlite', words: /\b(sqlite|libsql)\b/i, what: 'libsql, node:sqlite or better-sqlite3' },
    { name: 'mongodb', words: /\b(mongodb|mongo)\b/i, server: 'mongodb' },
    { name: 'postgres', words: /\b(postgres|postgresql|pgbouncer)\b/i, server: 'postgres' },
    { name: 'mysql', words: /\b(mysql|mariadb)\b/i, server: 'mariadb' },
    { name: 'redis', words: /\b(redis|ioredis|iovalkey|node-redis|valkey|moving over)\b/i, server: 'redis' },
    { name: 'redis cluster', words: /\bcluster\b/i, server: 'redisCluster' },
    { name: 'chromium', words: /\bin a browser\b/i, server: 'chromium' },
  ]
const REST = 'no store, or all'

interface Count {
  ran: number
  left: number
}

/** Closes a run with a table: each store, its server, the tests that ran, and those that were left out, with the reason. */
export default class Table implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const provided = modules[0]?.project.getProvidedContext() as ProvidedContext | undefined
    if (!provided) return
    const counts = new Map<string, Count>()
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const left = test.result().state === 'skipped'
        for (const name of rowsOf(module, test, (row) => left || !isMissing(provided, row))) {
          const count = counts.get(name) ?? { ran: 0, left: 0 }
          count[left ? 'left' : 'ran']++
          counts.set(name, count)
        }
      }
    }
    const rows = ROWS.filter(({ name }) => counts.has(name)).map(({ name, server, what }) => {
      const at = server && provided[server]
      return [name, what ?? (at && 'what' in at ? at.what : 'none'), counts.get(name)!, whyLeft(at)] as const
    })
    const rest = counts.get(REST)
    if (rest) rows.push([REST, '', rest, 'they need a server that is missing, or another machine'])
    const lines = rows.map(([name, what, { ran, left }, why]) => [name, what, `${ran}`, left ? `${left}: ${why}` : '0'])
    print([['store', 'server', 'tests run', 'left out'], ...lines])
    for (const { name, server } of ROWS) {
      const at = server && provided[server]
      const left = counts.get(name)?.left
      if (left && at && 'missing' in at && at.missing !== NOT_ASKED)
        console.error(`*** ${left} TESTS OF ${name.toUpperCase()} WERE LEFT OUT: ${at.missing}`)
    }
  }
}

/** A test that ran without the server did not need it, whatever its name. */
function rowsOf(module: TestModule, test: TestCase, possible: (row: (typeof ROWS)[number]) => boolean): string[] {
  if (/^test\/(unit|types)\//.test(module.relativeModuleId)) return [REST]
  const text = `${module.relativeModuleId.replace(/[/.]/g, ' ')} ${test.fullName}`
  const names = ROWS.filter((row) => row.words.test(text) && possible(row)).map(({ name }) => name)
  // The tests of a cluster say so; they are not run on the single server.
  const own = names.includes('redis cluster') ? names.filter((name) => name !== 'redis') : names
  return own.length > 0 ? own : [REST]
}

function isMissing(provided: ProvidedContext, { server }: (typeof ROWS)[number]): boolean {
  return server !== undefined && 'missing' in provided[server]
}

function whyLeft(provided: Provided | undefined): string {
  if (!provided) return 'they do not apply to it'
  if ('missing' in provided) return provided.missing === NOT_ASKED ? NOT_ASKED : 'no server, see below'
  return provided.real ? 'they do not apply to it' : "they need MongoDB's own server"
}

function print(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  console.log()
  for (const row of rows)
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
  console.log()
}
