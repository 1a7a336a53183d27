import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const folder = join(import.meta.dirname, '../../.github/workflows')
const workflows = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const)

describe('the public workflows', () => {
  it.each(workflows)('%s takes each action from a commit, because a tag can be moved', (_, text) => {
    const used = [...text.matchAll(/uses: (\S+)(.*)/g)].map(([, action, comment]) => `${action}${comment}`)
    expect(used.length).toBeGreaterThan(0)
    for (const action of used) expect(action).toMatch(/^[\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/)
  })

  it.each(['mongodb', 'postgres', 'mysql', 'redis'])('the page of %s names each version that they test', (page) => {
    const text = readFileSync(join(import.meta.dirname, `../../docs/stores/${page}.md`), 'utf8')
    const [, ci] = workflows.find(([name]) => name === 'ci.yml')!
    const beside: Record<string, string> = { mysql: 'mariadb', redis: 'valkey' }
    const versions = [...ci.matchAll(/store: (\w+), version: "([\d.]+)"/g)]
      .filter(([, store]) => store === page || store === beside[page])
      .map(([, , version]) => version!)
    expect(versions.length).toBeGreaterThan(0)
    const listed =
      /in the public workflow on ([^:]+?)\.(?:\s|$)|in the public workflow on (.+?), as/.exec(text)?.[0] ?? ''
    for (const version of versions) expect(listed.match(/\d+(?:\.\d+)?/g)).toContain(version)
  })

  it('only the job that publishes may publish, and it installs and checks out nothing', () => {
    const text = workflows.find(([name]) => name === 'publish.yml')![1]
    const jobs = text.split(/\n {2}(?=\w+:\n)/).slice(1)
    const publishing = jobs.filter((job) => job.includes('id-token: write'))
    expect(publishing).toHaveLength(1)
    expect(publishing[0]).toMatch(/npm publish/)
    expect(publishing[0]).not.toMatch(/npm (ci|install|i|exec)\b|npx|checkout/)
  })
})
