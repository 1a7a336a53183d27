import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { root } from './examples.ts'

/** What users call. Each method has an example; `catch` and `finally` are those of every promise. */
export const PUBLIC: Record<string, RegExp> = {
  'api/types.ts': /^(SessionHandle|SessionChain|LoadedSession)$/,
  'api/chaining.ts': /^Chaining$/,
  'api/commands.ts': /^Commands$/,
  'api/at.ts': /^(SessionAt|ChainAt)$/,
  'api/sessions.ts': /^Sessions$/,
  'koa/sessions.ts': /^KoaSessions$/,
  'koa/index.ts': /^atomicSession$/,
  'http/index.ts': /^(httpSessions|HttpSessions)$/,
}
const PROMISE = new Set(['catch', 'finally'])

type Documented = ts.MethodSignature | ts.MethodDeclaration | ts.FunctionDeclaration

const tagged = (node: Documented, tag: string) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === tag)

/** What of these interfaces and classes users call, and what of it has no example. */
export function documented(file: string, names: RegExp): string[][] {
  const source = ts.createSourceFile(file, readFileSync(join(root, 'src', file), 'utf8'), ts.ScriptTarget.Latest, true)
  const found = new Map<string, boolean>()
  const note = (name: string, node: Documented) => {
    if (!tagged(node, 'internal')) found.set(name, found.get(name) || tagged(node, 'example'))
  }
  for (const node of source.statements) {
    if (ts.isFunctionDeclaration(node) && names.test(node.name?.text ?? '')) note(node.name!.text, node)
    if (!(ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node)) || !names.test(node.name?.text ?? ''))
      continue
    for (const member of node.members) {
      if (!(ts.isMethodSignature(member) || ts.isMethodDeclaration(member)) || !ts.isIdentifier(member.name)) continue
      if (!PROMISE.has(member.name.text)) note(`${node.name!.text}.${member.name.text}`, member)
    }
  }
  const all = [...found]
  return [all.map(([name]) => name), all.filter(([, has]) => !has).map(([name]) => name)]
}
