// Builds the site of the documents from docs/ and a few pages of the repository, with the API's reference, into
// .cache/site/html. With --serve it shows it.
import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

const root = join(import.meta.dirname, '..')
const source = join(root, '.cache', 'site', 'source')
const repository = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  .repository.url.replace(/^git\+/, '')
  .replace(/\.git$/, '')

/** Where a file of the repository stands on the site. */
const pages = new Map([
  ['SECURITY.md', 'reporting.md'],
  ['CONTRIBUTING.md', 'contributing.md'],
  ['CHANGELOG.md', 'changelog.md'],
  ['bench/README.md', 'benchmark.md'],
  ['bench/results/full.svg', 'images/benchmark.svg'],
])
for (const name of readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })) {
  const file = name.replaceAll('\\', '/')
  if (/\.(md|png|svg)$/.test(file)) pages.set(`docs/${file}`, file.replace(/README\.md$/, 'index.md'))
}
// The front page's picture is named in its settings, which only see what is public.
const PUBLIC = [['docs/images/overlap.svg', 'public/overlap.svg']]

console.log(`copying ${pages.size} pages`)
rmSync(source, { recursive: true, force: true })
for (const [from, to] of [...pages, ...PUBLIC]) {
  const file = join(source, to)
  mkdirSync(dirname(file), { recursive: true })
  if (to.endsWith('.md')) writeFileSync(file, onSite(readFileSync(join(root, from), 'utf8'), from, to))
  else copyFileSync(join(root, from), file)
}

console.log('writing the reference of the API')
run('typedoc', [
  ...['--plugin', 'typedoc-plugin-markdown', '--out', join(source, 'api'), '--readme', 'none', '--logLevel', 'Warn'],
  ...[
    '--entryFileName',
    'index',
    '--hideBreadcrumbs',
    '--sourceLinkTemplate',
    `${repository}/blob/main/{path}#L{line}`,
  ],
])

console.log('building the site')
run('vitepress', ['build', 'docs'])
console.log(`the site is in ${join('.cache', 'site', 'html')}`)

if (process.argv.includes('--serve')) {
  spawn(program('vitepress'), ['preview', 'docs', ...process.argv.slice(3)], { cwd: root, stdio: 'inherit' })
}

/** A page's links as they are on the site. What is no page of it is shown where the sources are. */
function onSite(text, from, to) {
  const link = (target) => {
    if (/^([a-z]+:|#|\/)/.test(target)) return target
    const [path, hash] = target.split('#')
    const file = posix.join(posix.dirname(from), path)
    const page = pages.get(file) ?? (file === 'README.md' ? 'index.md' : undefined)
    const url = page ? posix.relative(posix.dirname(to), page) : `${repository}/blob/main/${file}`
    return (page && !url.startsWith('.') ? `./${url}` : url) + (hash === undefined ? '' : `#${hash}`)
  }
  return text
    .replace(/\]\(([^()\s]+)\)/g, (_, target) => `](${link(target)})`)
    .replace(/(src|srcset|href)="([^"]+)"/g, (_, name, target) => `${name}="${link(target)}"`)
}

function program(name) {
  return join(root, 'node_modules', '.bin', name)
}

function run(name, args) {
  execFileSync(program(name), args, { cwd: root, stdio: 'inherit' })
}
