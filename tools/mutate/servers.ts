import type { ProvidedContext } from 'vitest'
import type { TestProject } from 'vitest/node'

const NAMES = ['mongodb', 'postgres', 'redis', 'redisCluster', 'mariadb', 'chromium', 'devices'] as const

/** Neither a server nor a browser: to look for one takes longer than what these tests do. */
export default function none(project: TestProject): void {
  for (const name of NAMES satisfies readonly (keyof ProvidedContext)[])
    project.provide(name, { missing: 'not brought for mutants' })
  project.provide('run', 'mutants')
}
