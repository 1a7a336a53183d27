import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { documents, root } from './examples.ts'

const read = (document: string) => readFileSync(join(root, document), 'utf8')

/** A heading's name in a link, as GitHub and the site make it. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-')

const anchors = (document: string) =>
  [...read(document).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchor(heading!.replaceAll('`', '')))

describe('links in the documents', () => {
  it.each([...documents(), 'llms.txt', 'bench/README.md'])(
    'of %s lead to files and headings that exist',
    (document) => {
      const prose = read(document).replaceAll(/^```[\s\S]*?^```$/gm, '')
      const targets = [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target!)
      const dead = targets.filter((target) => {
        if (/^[a-z]+:/.test(target)) return false
        const [path, hash] = target.split('#')
        const file = path === '' ? document : join(dirname(document), path!)
        return !existsSync(join(root, file)) || (hash !== undefined && !anchors(file).includes(hash))
      })
      expect(dead).toEqual([])
    },
  )
})

describe('the tables of the documents', () => {
  it.each([...documents(), 'CHANGELOG.md', 'bench/README.md'])(
    'of %s have a word at the head of each column',
    (document) => {
      const lines = read(document)
        .replaceAll(/^```[\s\S]*?^```$/gm, '')
        .split('\n')
      const heads = lines.filter((_, i) => /^\|(?: ?:?-+:? ?\|)+$/.test(lines[i + 1] ?? ''))
      expect(heads.filter((head) => /\|\s*\|/.test(head))).toEqual([])
    },
  )
})

it('llms.txt names every page of the guide, the reference, the first steps and migrating', () => {
  const text = read('llms.txt')
  const named = documents().filter((name) => /^docs\/(guide|moving|start|reference)\//.test(name))
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((name) => !text.includes(`(${name})`))).toEqual([])
})
