import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'

const json = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
const git = (...words) => {
  try {
    return execFileSync('git', words, { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return undefined
  }
}

/** What a run has to say of itself: the code, the machine, and the version of everything that takes part. */
export function machine() {
  const peers = Object.keys(json('package.json').dependencies)
  const drivers = ['koa', 'redis', 'ioredis', 'pg', 'mongodb', 'mysql2', 'libsql']
  const version = (folder) => (name) => [name, json(`${folder}/${name}/package.json`).version]
  return {
    commit: git('rev-parse', 'HEAD') ?? 'not a git repository',
    changed: git('status', '--porcelain', '--', '..', ':!results', ':!README.md') !== '',
    date: new Date().toISOString(),
    node: process.version,
    cpus: `${availableParallelism()} × ${cpus()[0]?.model}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    versions: Object.fromEntries([...drivers.map(version('../node_modules')), ...peers.map(version('node_modules'))]),
  }
}
