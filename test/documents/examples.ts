import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type Koa from 'koa'
import { afterAll, beforeAll, expect } from 'vitest'
import { KEY, Visitor } from '../visitor.ts'

export const root = join(import.meta.dirname, '..', '..')
// Beside the sources, so that imports by package name find the types and the drivers.
const folder = join(root, '.cache', 'documents')

/** A fenced block of a document. */
export interface Block {
  /** The document, as a path from the root. */
  readonly document: string
  readonly line: number
  readonly language: string
  /** What is done with it, and by which name: `<!-- run: app -->` before the block. */
  readonly how: string | undefined
  readonly name: string | undefined
  readonly code: string
}

/** What a fragment takes for granted. */
export interface Given {
  readonly app?: Koa
  // biome-ignore lint/suspicious/noExplicitAny: whatever the fragment asks of it
  readonly [name: string]: any
}

/** A block without imports is a function of what it takes for granted, which gives its sessions. */
const fragment = (code: string) => `import Koa from 'koa'
import pg from 'pg'
import { MongoClient } from 'mongodb'
import { createPool } from 'mysql2'
import { createClient } from 'redis'
import { atomicSession, type SessionOptions } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { mongodb } from 'koa-atomic-session/mongodb'
import { mysql } from 'koa-atomic-session/mysql'
import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { sqlite } from 'koa-atomic-session/sqlite'
interface Given { app: Koa, client: MongoClient, connectionString: string, url: string, store: NonNullable<SessionOptions['store']> }
export default async function ({ app, client, connectionString, url, store }: Given) {
${code}
return sessions
}
`

/** The documents that people read, as paths from the root. */
export function documents(): string[] {
  const markdown = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name))
  return ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', ...markdown.sort()]
}

export function blocks(): Block[] {
  return documents().flatMap((document) => {
    const text = readFileSync(join(root, document), 'utf8')
    const fences = text.matchAll(/(?:<!-- (\w+): (\w+) -->\n)?^(?<fence>```+)(\w*)\n([\s\S]*?)^\k<fence>$/gm)
    return [...fences].map(({ index, 1: how, 2: name, 4: language, 5: code }) => ({
      document,
      line: text.slice(0, index).split('\n').length,
      language: language!,
      how,
      name,
      code: code!,
    }))
  })
}

const typescript = () => blocks().filter(({ language }) => language === 'ts')
const fileOf = (name: string) => join(folder, `${name}.ts`)

/** Test files that run side by side write the same examples: none of them ever sees half of one. */
function write(file: string, code: string): void {
  if (existsSync(file) && readFileSync(file, 'utf8') === code) return
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, code)
  renameSync(draft, file)
}

function writeBlocks(blocks: readonly Block[]): string[] {
  mkdirSync(folder, { recursive: true })
  return blocks.map(({ name, code }) => {
    const file = fileOf(name!)
    write(file, /^(import|export) /m.test(code) ? code : fragment(code))
    return file
  })
}

/** What the examples use of packages that come without types: the packages, and what they add to Koa's context. */
export function writeDeclarations(): string[] {
  const [packages, context] = [join(folder, 'packages.d.ts'), join(folder, 'context.d.ts')]
  write(
    packages,
    `declare module 'koa-passport' {
  type Done = (error: unknown, value?: unknown) => void
  export class KoaPassport {
    use(strategy: object): void
    use(name: string, strategy: object): void
    serializeUser(serialize: (user: any, done: Done) => void): void
    serializeUser(user: any, request: any, done: Done): void
    deserializeUser(deserialize: (id: any, done: Done) => void): void
    deserializeUser(user: any, request: any, done: Done): void
    initialize(): import('koa').Middleware
    session(): import('koa').Middleware
    authenticate(name: string, options: object): import('koa').Middleware<any, any>
  }
}
declare module 'passport-local' {
  export class Strategy {
    constructor(verify: (name: string, password: string, done: (error: unknown, user?: unknown) => void) => void)
  }
}
`,
  )
  write(
    context,
    `import 'koa'
declare module 'koa' {
  interface DefaultContextExtends {
    login(user: object): Promise<void>
    logout(): Promise<void>
    isAuthenticated(): boolean
  }
}
`,
  )
  return [packages, context]
}

/** Every TypeScript block of the documents, written to a file of its own. */
export function writeExamples(): string[] {
  return writeBlocks(typescript().filter(({ how }) => how !== 'alone'))
}

/** Those that declare what holds for a whole program. */
export function writeAlone(): string[] {
  return writeBlocks(typescript().filter(({ how }) => how === 'alone'))
}

/** The TypeScript blocks in the docstrings of the sources, written likewise. */
export function writeDocstrings(): string[] {
  mkdirSync(folder, { recursive: true })
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  return sources
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .flatMap((source) => {
      const text = readFileSync(join(root, 'src', source), 'utf8')
      return [...text.matchAll(/^ *\* ```ts\n([\s\S]*?)^ *\* ```$/gm)].map(([, lines], i) => {
        const code = lines!.replace(/^ *\* ?/gm, '')
        const file = join(folder, `docstring_${source.replace(/\W+/g, '_')}_${i}.ts`)
        write(file, docstring(source, code))
        return file
      })
    })
}

function docstring(source: string, code: string): string {
  if (/^(api\/|koa\/sessions)/.test(source)) return withinRequest(code)
  if (/^(koa|http)\/index/.test(source)) return /const sessions =/.test(code) ? ofApplication(code) : ofServer(code)
  if (/^fetch\/index/.test(source)) return ofFetch(code)
  return `import 'koa-atomic-session'\n${code}`
}

/** What answers a Request. */
const ofFetch = (code: string) => `import type { SessionOptions } from 'koa-atomic-session'
import { type FetchSessions, fetchSessions } from 'koa-atomic-session/fetch'
interface Given { given: FetchSessions<{ views: number }>, sqlite: (file: string) => NonNullable<SessionOptions['store']> }
export default async function ({ given, sqlite }: Given) {
void [given, sqlite, fetchSessions]
${/const sessions =/.test(code) ? '' : 'const sessions = given'}
${code}
return ${/const answer =/.test(code) ? 'answer' : 'server.fetch'}
}
`

/** What a method does, as the handler of a request sees it. */
const withinRequest = (code: string) => `import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type Koa from 'koa'
import { isSessionError } from 'koa-atomic-session'
import type { KoaContext, KoaSessions, Session, SessionContext } from 'koa-atomic-session'
type Anything = Record<never, never>
interface Given { app: Koa, ctx: KoaContext & SessionContext<Anything>, session: Session<Anything>, sessions: KoaSessions<Anything> }
export default async function ({ app, ctx, session, sessions }: Given) {
void [assert, createServer, isSessionError, app, ctx, session, sessions]
{
${asserted(code)}
}
}
`

/** How an application gets its sessions. */
const ofApplication = (code: string) => `import type { createServer as CreateServer } from 'node:http'
import type Koa from 'koa'
import { atomicSession, type SessionOptions } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
interface Given { app: Koa, createServer: typeof CreateServer, sqlite: (file: string) => NonNullable<SessionOptions['store']> }
export default function ({ app, createServer, sqlite }: Given) {
void [app, createServer, atomicSession, httpSessions]
${code}
return sessions
}
`

/** What a method of the sessions does on a server that has no request yet. */
const ofServer = (code: string) => `import type { createServer as CreateServer, Server } from 'node:http'
import type expressOf from 'express'
import type fastifyOf from 'fastify'
import { isSessionError } from 'koa-atomic-session'
import type { HttpSessions, SessionHandle } from 'koa-atomic-session/http'
interface Views { views: number }
declare module 'express-serve-static-core' { interface Request { session(): SessionHandle<Views> } }
declare module 'fastify' { interface FastifyRequest { session(): SessionHandle<Views> } }
interface Given { sessions: HttpSessions<Views>, server: Server, createServer: typeof CreateServer, express: typeof expressOf, fastify: typeof fastifyOf }
export default async function ({ sessions, server, createServer, express, fastify }: Given) {
void [sessions, server, createServer, express, fastify, isSessionError]
${code}
return sessions
}
`

/** The comment behind a line says what the line gives: a value, or the name of the error with which it fails. */
function asserted(code: string): string {
  return code.replace(/^(.+?) \/\/ (.+)$/gm, (_, expression: string, expected: string) =>
    expected.endsWith('Error')
      ? `await assert.rejects(async () => ${expression}, { name: '${expected}' })`
      : `assert.deepEqual(await (${expression}), ${expected})`,
  )
}

const executed = new Set<string>()

/** Runs the example of this name, once, and gives what it exports. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the example exports
export async function run(name: string): Promise<any> {
  executed.add(name)
  return import(/* @vite-ignore */ fileOf(name))
}

/** Fails for an example of these documents that says it is run, and was not; `skipped` are those whose database is missing. */
export function expectAllRun(part: RegExp, skipped: readonly string[] = []): void {
  const names = typescript()
    .filter(({ document, how }) => part.test(document) && how === 'run')
    .map(({ name }) => name!)
  expect(names.length).toBeGreaterThan(0)
  expect(names.filter((name) => !executed.has(name) && !skipped.includes(name))).toEqual([])
}

export interface Served {
  readonly visitor: Visitor
  readonly base: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever the example exports
  readonly example: any
  stop(): Promise<void>
}

/** Lets the tests of a group run the examples in a folder of their own, because examples open files by name. */
export function runInAFolder(name: string): string {
  const before = process.cwd()
  const work = mkdtempSync(join(tmpdir(), `${name}-`))
  beforeAll(() => {
    writeExamples()
    process.chdir(work)
  })
  afterAll(() => {
    process.chdir(before)
    rmSync(work, { recursive: true, force: true })
  })
  return work
}

/** Runs an example that exports its `app` (of Koa, Express or Fastify) or its `server`, and `sessions`. */
export async function serve(name: string): Promise<Served> {
  process.env.SESSION_KEY = KEY
  process.env.PORT = '0'
  const example = await run(name)
  const { app } = example
  // A whole program listens by itself, as a reader's would.
  const server =
    app?.server ?? (example.server?.listening ? example.server : (example.server ?? app).listen(0, '127.0.0.1'))
  if (app?.server) await app.listen({ port: 0, host: '127.0.0.1' })
  else if (!server.listening) await once(server, 'listening')
  const base = `http://127.0.0.1:${server.address().port}`
  return {
    visitor: new Visitor(base),
    base,
    example,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await example.sessions.close()
    },
  }
}
