import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { documents, root } from './examples.ts'

/** What a native writer would not write, and what to write instead. */
const PATTERNS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bso that (?!was\b|is\b)/i, 'so'],
  [/\bmoving over\b/i, 'migrating'],
  [/\btold on\b/i, 'published on'],
  [/\bmended\b/i, 'fixed'],
  [/\bsurely\b/, 'certainly, or nothing'],
  [/\ba file a concern\b/i, 'one file for each task'],
  [/\bdull\b/i, 'quiet, or simple'],
  [/\bfor ever\b/i, 'forever'],
  [/\bforevery/i, 'for every'],
  [/\banew\b/i, 'again'],
  [/\bin vain\b/i, 'without success'],
  [/\bthe same is so for\b/i, 'the same goes for'],
  [/\bthereby|hereby|whereby\b/i, 'so'],
  [/\bholds no more\b/i, 'is no longer true'],
  [/\bin the same breath\b/i, 'in the next line'],
  [/\bwithout a sound\b/i, 'without an error'],
  [/\bwhy it fell\b/i, 'why it was replaced'],
  [/\btried on paper\b/i, 'considered, or sketched'],
  [/\bof one's own\b/i, 'your own'],
  [/\b(?:all|it) heals\b/i, 'recovers'],
  [/\bmakes? every expression ready\b|\bmakes each of its expressions ready\b/i, 'prepares'],
  [/\bwas told \d{3}\b/i, 'got'],
  [/\bhands? (?:the )?(?:data|sessions) over with\b/i, 'go on with'],
  [/\bby (?:npx|npm run|`npx|`npm run)\b/i, 'with'],
  [/\bheal(?:s|ed|ing)?\b/i, 'recover'],
  [/\bunless (?:set|you set it)\b/i, 'by default'],
]

/** The same for what users read: the documents, the changelog and the pages of the examples. */
const FOR_READERS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bwhoever\b/i, 'if you, or anyone who'],
  [/\b(?:who|whoever) (?:asks|may|reads|comes|sets up)\b/, 'name who it is: the user, the role, the caller'],
  [/\bfor who\b/i, 'for the one who'],
  [/\bpass(?:es|ed)? over\b/i, 'skip'],
  [/\bany more\b/i, 'no longer'],
  [/\b(?:pass|passes|takes?|ignores?) (?:\w+ )?in silence\b/i, 'silently ignore'],
  [/\b(?:a|an) (?:\w+ ){1,2}of (?:its|his|her|their|your|our|my) own\b/i, 'its own …'],
  // `finite`: the function of PostgreSQL says so, and its text stays as it is.
  [/(?<!\bthere )\bis no (?!longer\b|more\b|matter\b|finite\b)[a-z]+/i, 'is not a'],
  [/\b(?:is|are) told\b|\btells? of\b|\btold of\b/i, 'say, report, publish'],
  [/\btaken? for\b/i, 'mistaken for, treated as'],
  [/\ball the same\b/i, 'still, anyway'],
  [/\bdata are\b|\bdata have\b/i, 'data is'],
  [/\bhand(?:s|ed)? (?:in|over)\b/i, 'pass, take over'],
  [/\bgo(?:es)? on with the\b/i, 'take over, continue with'],
  [/\bonce a request\b|\ban? object a line\b|\bcalls a request\b/i, 'per'],
  [/\bat most once in\b/i, 'at most once per'],
  [/\bin place of (?:their|its|your) own\b/i, 'instead of'],
  [/^What (?:is not|has become|became)\b/i, 'a noun'],
  [/\bjudged? by\b/i, 'checked by'],
]

/** Code and names between backticks are no prose. */
const prose = (text: string) => text.replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '')

function found(text: string, patterns = PATTERNS): string[] {
  const lines = prose(text).split('\n')
  return patterns.flatMap(([pattern, instead]) =>
    lines.filter((line) => pattern.test(line)).map((line) => `${pattern} (write: ${instead}): ${line.trim()}`),
  )
}

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !/\.(lua|sql)\.ts$/.test(name))
  .map((name) => join('src', name))

/** The texts of a file that are sentences, or parts of them. */
function messages(file: string): string[] {
  const texts: string[] = []
  const look = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      if (/[a-z]+ [a-z']+ [a-z]+/.test(node.text)) texts.push(node.text)
    }
    ts.forEachChild(node, look)
  }
  look(ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true))
  return texts
}

/** Entries of the next release's changelog, and the pages of the examples. */
const others = [
  ...readdirSync(join(root, '.changeset'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('.changeset', name)),
  'examples/lab/browser/lab.html',
]

describe('the English of', () => {
  it.each([...documents(), 'CHANGELOG.md', 'llms.txt', 'bench/README.md', ...others])('%s', (document) => {
    expect(found(readFileSync(join(root, document), 'utf8'), [...PATTERNS, ...FOR_READERS])).toEqual([])
  })

  it('the messages in the code', () => {
    const shown = sources
      .filter((file) => !file.startsWith(join('src', 'testing')))
      .flatMap((file) =>
        messages(file).flatMap((text) => found(text, [...PATTERNS, ...FOR_READERS]).map((one) => `${file}: ${one}`)),
      )
    expect(shown).toEqual([])
  })

  it('the comments in the code', () => {
    const comments = sources.flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      return [...text.matchAll(/\/\*\*[\s\S]*?\*\/|^\s*\/\/ .*$/gm)].flatMap(([comment]) =>
        found(comment!).map((one) => `${file}: ${one}`),
      )
    })
    expect(comments).toEqual([])
  })
})
