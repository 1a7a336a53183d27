import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type Koa from 'koa'
import { KEY, Visitor } from '../visitor.ts'

export const root = join(import.meta.dirname, '..', '..')
// Beside the sources, so that imports by package name find the types and the drivers.
const folder = join(root, '.cache', 'documents')

export interface Example {
  /** The document, as a path from the root. */
  readonly document: string
  /** The name in its `<!-- run: name -->`; undefined for one that is compiled only. */
  readonly name: string | undefined
  readonly file: string
}

/** What a fragment takes for granted. */
const FRAGMENT = `import Koa from 'koa'
import pg from 'pg'
import { MongoClient } from 'mongodb'
import { createClient } from 'redis'
import { atomicSession, type SessionOptions } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { mongodb } from 'koa-atomic-session/mongodb'
import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { sqlite } from 'koa-atomic-session/sqlite'
declare const app: Koa, client: MongoClient, connectionString: string, url: string
declare const store: NonNullable<SessionOptions['store']>
void [Koa, pg, MongoClient, createClient, atomicSession, memory, mongodb, postgres, redis, sqlite, app, client, connectionString, url, store]
`

function documents(): string[] {
  const markdown = (directory: string): string[] =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(directory, name))
  const top = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md'].map((name) => join(root, name))
  return [...top, ...markdown(join(root, 'docs'))]
}

/** Every TypeScript block of the documents, written to a file of its own. */
export function examples(): Example[] {
  mkdirSync(folder, { recursive: true })
  return documents().flatMap((document) => {
    const text = readFileSync(document, 'utf8')
    const blocks = [...text.matchAll(/(?:<!-- (?:run|compile): (\w+) -->\n)?```ts\n([\s\S]*?)```/g)]
    return blocks.map(([, name, code], i) => {
      const path = relative(root, document)
      const file = join(folder, `${name ?? `${path.replace(/\W+/g, '_')}_${i}`}.ts`)
      writeFileSync(file, /^(import|export) /m.test(code!) ? code! : `${FRAGMENT}{\n${code}\n}\nexport {}\n`)
      return { document: path, name, file }
    })
  })
}

export interface Served {
  readonly visitor: Visitor
  readonly base: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever the example exports
  readonly example: any
  stop(): Promise<void>
}

/** Runs an example that exports its `app` (Koa), or its `server`, and `sessions`. */
export async function serve(name: string): Promise<Served> {
  process.env.SESSION_KEY = KEY
  const example = await import(/* @vite-ignore */ join(folder, `${name}.ts`))
  const server = example.server?.listen(0, '127.0.0.1') ?? (example.app as Koa).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
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
