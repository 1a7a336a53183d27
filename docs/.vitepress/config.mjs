import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitepress'

const source = join(import.meta.dirname, '..', '..', '.cache', 'site', 'source')

/** A page under its own heading, which is where its name is kept. */
function page(link) {
  const heading = /^# (.+)$/m.exec(readFileSync(join(source, `${link}.md`), 'utf8'))
  if (!heading) throw new Error(`${link}.md has no heading`)
  return { text: heading[1].replaceAll('`', ''), link: `/${link}` }
}

const group = (text, links) => ({ text, items: links.map(page) })

const decisions = readdirSync(join(source, 'decisions'))
  .filter((name) => /^\d/.test(name))
  .sort()
  .map((name) => `decisions/${name.slice(0, -3)}`)

/** Two requests that become one line. */
const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke="#3451b2" stroke-width="2.5"><path d="M1 3c6 0 6 5 14 5M1 13c6 0 6-5 14-5"/></svg>'

export default defineConfig({
  title: 'koa-atomic-session',
  description: 'Sessions for Koa, node:http, Express and Fastify whose changes are atomic commands of the database',
  lang: 'en',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(icon)}` }]],
  srcDir: '../.cache/site/source',
  outDir: '../.cache/site/html',
  cacheDir: '../.cache/site/vitepress',
  base: process.env.DOCS_BASE ?? '/',
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/guide/' },
      { text: 'Stores', link: '/stores/' },
      { text: 'Reference', link: '/reference/commands' },
      { text: 'Security', link: '/security' },
    ],
    sidebar: [
      group('Start', [
        'start',
        'start/sqlite',
        'start/postgres',
        'start/mysql',
        'start/redis',
        'start/mongodb',
        'concepts',
      ]),
      group('Guides', [
        'guide/index',
        'guide/log-in',
        'guide/roles',
        'guide/devices',
        'guide/bound',
        'guide/carts',
        'guide/messages',
        'guide/wizards',
        'guide/uploads',
        'guide/rate-limits',
        'guide/csrf',
        'guide/schema',
        'guide/live',
        'guide/nginx',
        'guide/graphql',
        'guide/passport',
        'guide/grant',
        'guide/tenants',
        'guide/servers',
        'guide/classic',
        'guide/testing',
      ]),
      group('Stores', [
        'stores/index',
        'stores/sqlite',
        'stores/postgres',
        'stores/mysql',
        'stores/redis',
        'stores/mongodb',
        'stores/memory',
      ]),
      group('Operating', [
        'guide/deployment',
        'capacity',
        'troubleshooting',
        'observability',
        'inspector',
        'reliability',
      ]),
      group('Migrating', ['moving/koa-session', 'moving/koa-generic-session', 'moving/express-session']),
      group('Reference', [
        'reference/commands',
        'reference/session',
        'reference/options',
        'reference/errors',
        'original',
        'api/index',
      ]),
      group('Security', ['security', 'reporting']),
      group('Project', ['benchmark', 'changelog', 'contributing']),
      group('Decisions', ['decisions/index', ...decisions]),
    ],
  },
})
