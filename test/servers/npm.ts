import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { KEPT } from './kept.ts'

/** Installs one package of npm below .cache/servers, without running its scripts, and answers its folder. */
export async function npmPackage(name: string, version: string): Promise<string> {
  console.log(`bringing ${name}@${version} from npm`)
  const prefix = join(KEPT, 'npm', `${basename(name)}-${version}`)
  mkdirSync(prefix, { recursive: true })
  writeFileSync(join(prefix, 'package.json'), '{"private":true}')
  const args = ['install', '--prefix', prefix, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await promisify(execFile)('npm', [...args, '--fetch-retries=1', `${name}@${version}`], { timeout: 300_000 })
  return join(prefix, 'node_modules', name)
}
