import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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
]

/** Code and names between backticks are no prose. */
const prose = (text: string) => text.replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '')

function found(text: string): string[] {
  const lines = prose(text).split('\n')
  return PATTERNS.flatMap(([pattern, instead]) =>
    lines.filter((line) => pattern.test(line)).map((line) => `${pattern} (write: ${instead}): ${line.trim()}`),
  )
}

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !/\.(lua|sql)\.ts$/.test(name))
  .map((name) => join('src', name))

describe('the English of', () => {
  it.each([...documents(), 'CHANGELOG.md', 'llms.txt', 'bench/README.md'])('%s', (document) => {
    expect(found(readFileSync(join(root, document), 'utf8'))).toEqual([])
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
