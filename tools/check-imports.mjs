// The house's one-way doors: which folder of src/ may import which. Fails with a line for each import that breaks a rule.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** First match wins: what these files may import, as patterns of paths under src/ or of package names. */
const RULES = [
  { of: /^command\//, may: [/^command\//], why: 'the algebra is pure: it imports nothing outside its folder' },
  {
    of: /^stores\/(\w+)\//,
    may: [
      /^command\/index/,
      /^(errors|store|transition)\.ts$/,
      /^stores\/(json|result)\.ts$/,
      /^stores\/$1\//,
      /^node:(crypto|module)$/,
    ],
    why: 'a store knows the algebra, the contract and its own folder, no driver and no other store',
  },
  {
    of: /^stores\/open\.ts$/,
    may: [/^(errors|store)\.ts$/, /^stores\/\w+\/index/, /^stores\/sqlite\/client/, /^node:/, /^(mongodb|pg|redis)$/],
    why: 'the opener names every store and its driver, and nothing of the core',
  },
  {
    of: /^stores\//,
    may: [/^command\/index/, /^store\.ts$/],
    why: 'what stores share knows the algebra and the contract',
  },
  {
    of: /^testing\//,
    may: [/^command\/index/, /^(store|transition)\.ts$/, /^testing\//, /^node:/, /^fast-check$/],
    why: 'the suite sees a store as the contract shows it, and needs no test runner',
  },
  {
    of: /^cli\//,
    may: [/^cli\//, /^(errors|store)\.ts$/, /^stores\/open\.ts$/, /^command\/index/, /^node:/],
    why: 'the inspector sees stores as the contract shows them',
  },
  {
    of: /^http\//,
    may: [/^http\//, /^(?!koa\.ts|index\.ts)\w+\.ts$/, /^node:/],
    why: 'the other servers reach the core through its files, and load neither Koa nor themselves',
  },
  {
    of: /^koa\.ts$/,
    may: [/^\w+\.ts$/, /^koa$/, /^node:/],
    why: 'the binding reaches the core through its files',
  },
  {
    of: /./,
    may: [
      /^(?!koa\.ts)\w+\.ts$/,
      /^command\/index/,
      /^stores\/mongodb\/index/,
      /^node:/,
      /^(keygrip|on-headers|parse-duration)$/,
    ],
    why: 'the core knows no server but Node, and no database',
    except: 'index.ts',
  },
]

const files = readdirSync('src', { recursive: true })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join('src', name))
const faults = []
for (const file of files) {
  const name = relative('src', file).replaceAll('\\', '/')
  const rule = RULES.find(({ of }) => of.test(name))
  if (name === rule.except) continue
  const [, own] = rule.of.exec(name)
  for (const [, target] of readFileSync(file, 'utf8').matchAll(/(?:from\s+|import\s+|import\()'([^']+)'/g)) {
    const to = target.startsWith('.') ? relative('src', join(dirname(file), target)).replaceAll('\\', '/') : target
    const allowed = rule.may.some((pattern) => new RegExp(pattern.source.replace('$1', own ?? '')).test(to))
    if (!allowed) faults.push(`src/${name} imports ${target}: ${rule.why}`)
  }
}

for (const fault of faults) console.error(fault)
console.log(`${files.length} files, ${faults.length} imports against the rules`)
process.exitCode = faults.length > 0 ? 1 : 0
