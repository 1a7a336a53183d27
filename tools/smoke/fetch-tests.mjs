// The servers' tests as a project that needs neither vitest nor TypeScript, for Request and Response on every runtime.
import { readFileSync } from 'node:fs'
import ts from 'typescript'

/** What every server must do, and what is tested for Request and Response alone. */
const TESTS = ['koa/cookie', 'koa/laziness', 'koa/csrf', 'http/alike', 'http/failures', 'http/fetch', 'classic/fetch']
const PARTS = ['http/serving', 'http/fetch-server', 'visitor', 'gate']

const compilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
}
const translated = (name) => {
  const source = readFileSync(new URL(`../../test/${name}.ts`, import.meta.url), 'utf8')
  return ts.transpileModule(source, { compilerOptions, fileName: `${name}.ts` }).outputText
}

/** In place of all servers the one of this runtime. */
const SERVERS = `import { fetchServer } from './fetch-server.js'
import { serveBy } from './serving.js'
export const KINDS = ['fetch']
export const serve = (kind, handler, ...options) => serveBy(fetchServer, handler, options)
`
const ALL = `import { runAll } from 'vitest'
${TESTS.map((name) => `await import('./test/${name}.test.js')`).join('\n')}
const { count, failed } = await runAll()
for (const [name, error] of failed) console.error(name, error)
if (count < 80) console.error('only ' + count + ' tests')
process.exit(failed.length > 0 || count < 80 ? 1 : 0)
`

export const FETCH_TESTS = {
  'package.json': '{"private":true,"type":"module"}',
  'vitest/package.json': '{"name":"vitest","version":"0.0.0","type":"module","exports":"./index.js"}',
  'vitest/index.js': readFileSync(new URL('vitest.mjs', import.meta.url), 'utf8'),
  'test/http/servers.js': SERVERS,
  ...Object.fromEntries(TESTS.map((name) => [`test/${name}.test.js`, translated(`${name}.test`)])),
  ...Object.fromEntries(PARTS.map((name) => [`test/${name}.js`, translated(name)])),
  'tests.mjs': ALL,
}
