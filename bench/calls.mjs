// The system calls of a request: reading and writing sockets, and waiting for them. perf counts them in the kernel and so
// does not slow the process down; strace would, and more requests would then share a call.
import { spawn, spawnSync } from 'node:child_process'

const EVENT = 'raw_syscalls:sys_enter'
/** Until perf watches a process. The process has nothing to do meanwhile. */
const ATTACHING = 150

const counts = (text) => {
  const count = Number(
    text
      .split('\n')
      .find((line) => line.includes(EVENT))
      ?.split(',')[0],
  )
  return Number.isFinite(count) ? count : undefined
}
let works

/** Whether perf is here and may count: Linux, as root or with rights of its own. */
function countable() {
  const words = ['stat', '-x,', '-e', EVENT, process.execPath, '--version']
  works ??= counts(spawnSync('perf', words, { encoding: 'utf8' }).stderr ?? '') !== undefined
  return works
}

/** How many system calls these processes make during the work; undefined where nothing can count them. */
export async function systemCalls(pids, work) {
  if (!countable()) return undefined
  const perf = spawn('perf', ['stat', '-x,', '-e', EVENT, '-p', pids.join(',')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  perf.stderr.on('data', (piece) => (output += piece))
  const ended = new Promise((resolve) => perf.once('close', resolve))
  await new Promise((resolve) => setTimeout(resolve, ATTACHING))
  try {
    await work()
  } finally {
    perf.kill('SIGINT')
    await ended
  }
  return counts(output)
}
