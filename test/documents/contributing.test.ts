import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { blocks, root } from './examples.ts'

const contributing = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
const { code: diff } = blocks().find(({ language }) => language === 'diff')!
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

it("CONTRIBUTING's table has every command, and no other", () => {
  const shown = [...contributing.matchAll(/^\| `npm (?:run )?([\w:]+)/gm)].map(([, name]) => name!)
  const own = Object.keys(scripts).filter((name) => name !== 'prepack' && name !== 'build')
  expect(shown.filter((name) => name !== 'cit').sort()).toEqual(own.sort())
})

// Whoever has the sources without git, as an archive, can't apply a change by it.
const git = spawnSync('git', ['--version']).status === 0

describe.skipIf(!git)('a command that is added by CONTRIBUTING alone', () => {
  const copy = join(root, '.cache', 'contributing')
  beforeAll(() => {
    rmSync(copy, { recursive: true, force: true })
    mkdirSync(join(copy, '.changeset'), { recursive: true })
    for (const part of ['src', 'docs/reference']) cpSync(join(root, part), join(copy, part), { recursive: true })
    writeFileSync(join(copy, 'bit.diff'), diff)
    execFileSync('git', ['apply', '--directory=.cache/contributing', '.cache/contributing/bit.diff'], { cwd: root })
  })

  it('takes less than seven files, those that are listed', () => {
    const touched = [...diff.matchAll(/^\+\+\+ b\/(.*)$/gm)].map(([, file]) => file!.replace('/bits.', '/<name>.'))
    const listed = [...contributing.matchAll(/^\d\. `(.*?)`/gm)].map(([, file]) => file!)
    expect(touched.sort()).toEqual(listed.sort())
    expect(listed.length).toBeLessThan(7)
  })

  it('means what its examples say, is reserved, and every server leaves it to the oracle', async () => {
    const load = (file: string) => import(/* @vite-ignore */ join(copy, 'src', file))
    const { apply, commands, EMPTY_CHAIN, extend } = await load('algebra/index.ts')
    const { EXAMPLES, RANDOM } = await load('testing/examples.ts')
    const bits = EXAMPLES.filter(({ command }: { command: { kind: string } }) => command.kind === 'bit')
    expect(bits.length).toBeGreaterThan(2)
    for (const { before, command, after } of bits) {
      const result = apply(before, extend(EMPTY_CHAIN, [command]), 0)
      if (after.refused) expect(result.problem).toMatchObject({ command: 'bit', found: after.found })
      else expect(result.data).toEqual(after)
    }
    expect(RANDOM).toHaveProperty('bit')
    expect((await load('data/types.ts')).isReserved('bit')).toBe(true)
    const chain = extend(EMPTY_CHAIN, [commands.bit('n', { or: 1 })])
    expect((await load('stores/mongodb/compile.ts')).compile(chain)).toBe(undefined)
    expect((await load('stores/shared/oracle.ts')).knows(chain)).toBe(false)
  })

  it('is written on the version that was read where MongoDB has to begin the field', async () => {
    const { commands, EMPTY_CHAIN, extend } = await import(/* @vite-ignore */ join(copy, 'src/algebra/index.ts'))
    const { compileKnown } = await import(/* @vite-ignore */ join(copy, 'src/stores/mongodb/compile.ts'))
    const chain = extend(EMPTY_CHAIN, [commands.bit('n', { or: 1 })])
    expect(compileKnown(chain, {}, { n: 1 })).toEqual({ $set: { 'data.n': 1 } })
  })
})
