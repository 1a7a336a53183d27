import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PARTS, WHOLES } from './parts.mjs'

const ROUNDS = 3
const TIMES = 30

/**
 * One thread, no chance, no optimising compiler and no collection in between: what is counted is the work that the
 * code asks for, not when V8 found time for its own. A warm server needs far fewer.
 */
const FLAGS = [
  ...['--predictable', '--single-threaded', '--hash-seed=1', '--random-seed=1', '--no-opt', '--no-maglev'],
  ...['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'],
]

/**
 * Instructions of each part and of each whole request, as callgrind counts them: the same on a busy machine as on an
 * idle one. The least of some rounds. Undefined without valgrind.
 */
export function instructions() {
  const folder = mkdtempSync(join(tmpdir(), 'callgrind-'))
  try {
    const ended = spawnSync(
      'valgrind',
      [
        ...['--tool=callgrind', '--dump-before=uv_os_getpriority', '--smc-check=all-non-file'],
        `--callgrind-out-file=${folder}/out`,
        ...[process.execPath, ...FLAGS, new URL('count.mjs', import.meta.url).pathname, ROUNDS, TIMES].map(String),
      ],
      { encoding: 'utf8', maxBuffer: 1e8, env: { ...process.env, NODE_OPTIONS: '' } },
    )
    if (ended.error?.code === 'ENOENT') return undefined
    if (ended.status !== 0) throw new Error(`callgrind ended with ${ended.status ?? ended.signal}:\n${ended.stderr}`)
    const counted = (dump) => Number(/^totals: (\d+)/m.exec(readFileSync(join(folder, `out.${dump}`), 'utf8'))[1])
    // The first dump of a part is what came before it.
    const dumps = (part) => Array.from({ length: ROUNDS }, (_, round) => part * (ROUNDS + 1) + round + 2)
    const names = Object.keys({ ...PARTS, ...WHOLES })
    return Object.fromEntries(
      names.map((name, part) => [name, Math.round(Math.min(...dumps(part).map(counted)) / TIMES)]),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
