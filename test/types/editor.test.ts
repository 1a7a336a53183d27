import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)

/** A compiler of one source that need not be on the disk; `|` is where the cursor stands. */
function compile(source: string) {
  const file = join(root, 'test', 'types', 'source.ts')
  const text = source.replace('|', '')
  const snapshot = (name: string) => (name === file ? text : ts.sys.readFile(name))
  const service = ts.createLanguageService({
    getCompilationSettings: () => ({ ...options, declaration: false }),
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot: (name) => {
      const found = snapshot(name)
      return found === undefined ? undefined : ts.ScriptSnapshot.fromString(found)
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (name) => name === file || ts.sys.fileExists(name),
    readFile: snapshot,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  })
  return {
    messages: () =>
      service
        .getSemanticDiagnostics(file)
        .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n').split('\n').pop()!.trim()),
    completions: () =>
      service.getCompletionsAtPosition(file, source.indexOf('|'), {})?.entries.map(({ name }) => name) ?? [],
    instantiations: () => {
      const program = service.getProgram()!
      expect(program.getSemanticDiagnostics().map(({ messageText }) => messageText)).toEqual([])
      return program.getInstantiationCount()
    },
  }
}

const SHOP = `
import type { SessionHandle } from 'koa-atomic-session'
interface Shop { user_id: number; name: string; seen: string[]; since: Date; address?: { city: string } }
declare const session: SessionHandle<Shop>
`

// The compiler takes long where the machine has other things to do.
describe('in an editor', { timeout: 240_000 }, () => {
  it('an error names the path and says what is wrong with it', () => {
    const wrong = [
      "inc('name')",
      "inc('nobody')",
      "inc('address.city')",
      "push('name', 'x')",
      "currentDate('seen')",
      "max('name', 1)",
      "unset('name', 'address.street')",
      "rename('name', 'user_id')",
      "set('id', 1)",
      "set({ 'address.street': 1 })",
    ]
    const texts = compile(`${SHOP}${wrong.map((call) => `session.${call}`).join('\n')}`).messages()
    const said = [
      'name holds no number',
      'nothing can be at nobody',
      'address.city holds no number',
      'name holds no list',
      'seen holds no date',
      'name holds no number or date',
      'nothing can be at address.street',
      'user_id holds no such value as name',
      "id is the session's own",
      'nothing can be at address.street',
    ]
    expect(texts).toHaveLength(said.length)
    said.forEach((text, i) => {
      expect(texts[i]).toContain(text)
    })
  })

  it('nothing compiles with ctx.session while the types of koa-session are there, and another name can be declared', () => {
    // What @types/koa-session adds to Koa's types.
    const theirs = `// |
import Koa from 'koa'
import { atomicSession, type SessionHandle } from 'koa-atomic-session'
interface OldSession { readonly length: number; readonly populated: boolean; save(): void; [field: string]: any }
declare module 'koa' {
  interface BaseContext { session: OldSession | null }
}
const app = new Koa()
`
    const use = (...lines: string[]) => `app.use((ctx) => {\n${lines.join('\n')}\n})`
    const wrong = compile(`${theirs}atomicSession(app)\n${use('ctx.session.user = 1', 'ctx.session()')}`).messages()
    expect(wrong).toEqual(Array(2).fill(expect.stringMatching(/never/)))
    const declared =
      "declare module 'koa' { interface DefaultContext { session: any; readonly visit: () => SessionHandle<{ n: number }> } }\n"
    const right = use('ctx.session!.user = 1', "ctx.visit().inc('n')")
    expect(compile(`${theirs}${declared}atomicSession(app, { property: 'visit' })\n${right}`).messages()).toEqual([])
  })

  it('a path is completed by the fields that a command can work on', () => {
    expect(compile(`${SHOP}session.inc('|')`).completions()).toEqual(['user_id'])
    expect(compile(`${SHOP}session.push('|')`).completions()).toEqual(['seen'])
    expect(compile(`${SHOP}session.max('|')`).completions()).toEqual(['user_id', 'since'])
  })

  it('a schema of 200 fields costs a bounded number of type instantiations', () => {
    const fields = Array.from(
      { length: 50 },
      (_, i) => `n${i}: z.number(), s${i}: z.string().optional(), l${i}: z.array(z.object({ a: z.number() })),
        o${i}: z.object({ city: z.string(), at: z.date() })`,
    )
    const uses = Array.from(
      { length: 50 },
      (
        _,
        i,
      ) => `sessions.of(ctx).inc('n${i}').set('s${i}', 'x').push('l${i}', { a: 1 }).set('o${i}.city', 'x').inc('l${i}.0.a')
        .set({ n${i}: 1, 'o${i}.at': new Date() }).unset('s${i}').rename('s${i}', 'o${i}.city').max('o${i}.at', new Date())`,
    )
    const before =
      'import { z } from "zod"\nimport Koa from "koa"\nimport { atomicSession } from "koa-atomic-session"\n'
    const schema = `const schema = z.object({ ${fields.join(',\n')} })\n`
    const alone = compile(`${before}${schema}new Koa(); atomicSession; export type Data = z.output<typeof schema>`)
    const used = compile(
      `${before}${schema}const sessions = atomicSession(new Koa(), { schema })\ndeclare const ctx: Koa.Context\n` +
        uses.join('\n'),
    )
    // 450 commands. What grows with fields times commands would be many times as much.
    const cost = used.instantiations() - alone.instantiations()
    expect(cost).toBeGreaterThan(450)
    expect(cost).toBeLessThan(450_000)
  })
})
