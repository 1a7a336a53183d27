import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { root } from './examples.ts'

/** Every text in the code, with … where a value is put in. */
const texts = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !/\.(lua|sql)\.ts$|^testing/.test(name))
  .flatMap((name) => {
    const found: string[] = []
    const look = (node: ts.Node): void => {
      if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) found.push(node.text)
      else if (ts.isTemplateExpression(node))
        found.push(node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join(''))
      ts.forEachChild(node, look)
    }
    const code = readFileSync(join(root, 'src', name), 'utf8')
    look(ts.createSourceFile(name, code, ts.ScriptTarget.Latest, true))
    return found
  })

const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8')
const quoted = [...page.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, sentence]) => sentence!)

/** An error that names a reason is put together: from how every error of a store begins, and from what the driver says. */
const DRIVER = /^The … store failed: (connect ECONNREFUSED …)$/

describe('the sentences of troubleshooting', () => {
  it('are many, and none is there twice', () => {
    expect(quoted.length).toBeGreaterThan(40)
    expect(new Set(quoted).size).toBe(quoted.length)
  })

  it.each(quoted.filter((sentence) => !DRIVER.test(sentence)))('the code can say: %s', (sentence) => {
    // A hint is put into another sentence.
    const parts = /^(A session has no option '…': )(did you mean '…'\?)$/.exec(sentence)?.slice(1) ?? [sentence]
    for (const part of parts) {
      const loose = part.replace(/^A session has/, '… has').trim()
      expect(texts.filter((text) => text.includes(loose)).length, loose).toBeGreaterThan(0)
    }
  })

  it('has a store that fails with what its driver says', async () => {
    const { StoreError } = await import('koa-atomic-session')
    const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' })
    const { message } = new StoreError('postgres', 'failed', false, cause)
    const [told] = quoted.filter((sentence) => DRIVER.test(sentence))
    expect(message).toMatch(new RegExp(`^${told!.replaceAll('…', '\\S+')}$`))
  })
})
