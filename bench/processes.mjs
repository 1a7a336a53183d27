// The processor time of a database server: its processes, found by the port at which it listens, as Linux counts it.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const PROGRAMS = new Set(['redis-server', 'valkey-server', 'postgres', 'mariadbd', 'mongod', 'java'])
const TICK = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

const read = (...path) => readFileSync(`/proc/${path.join('/')}`, 'utf8')

/** The fields of a process's `stat` after its name, which may contain anything. */
function statOf(pid) {
  const text = read(pid, 'stat')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** Microseconds: of its threads, which `schedstat` tells in nanoseconds, and of children that have ended, in ticks. */
function timeOf(pid) {
  try {
    return timeOfRunning(pid)
  } catch {
    // It has ended since it was found. Then its parent has its time.
    return 0
  }
}

function timeOfRunning(pid) {
  const [children, childrenSystem] = statOf(pid).slice(13, 15).map(Number)
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => read(pid, 'task', thread, 'schedstat').split(' ')[0])
  return threads.reduce((sum, ns) => sum + Number(ns) / 1000, (children + childrenSystem) * TICK)
}

function running() {
  const all = new Map()
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    try {
      const [command, ...words] = read(pid, 'cmdline').split(/[\0 ]/)
      all.set(pid, { parent: statOf(pid)[1], program: command.split('/').at(-1), words: words.join(' ') })
    } catch {
      // It has ended meanwhile.
    }
  }
  return all
}

/** The microseconds that the servers at these ports have used until now, in all of their processes. */
export function cpuOf(ports) {
  const cpu = cpuIfHere(ports)
  if (cpu === undefined) throw new Error(`no server listens at one of the ports ${ports.join(', ')}`)
  return cpu
}

/** The same; undefined without a port, and for a server that does not run on this machine. */
export function cpuIfHere(ports) {
  if (ports.length === 0) return undefined
  const all = running()
  const listens = ports.map((port) => new RegExp(`(?<!\\d)${port}(?!\\d)`))
  const isRoot = ({ program, words }) => PROGRAMS.has(program) && listens.some((one) => one.test(words))
  const own = new Set([...all].filter(([, process]) => isRoot(process)).map(([pid]) => pid))
  if (own.size < ports.length) return undefined
  // PostgreSQL has a process for each connection.
  for (const pid of own) for (const [child, { parent }] of all) if (parent === pid) own.add(child)
  return [...own].reduce((sum, pid) => sum + timeOf(pid), 0)
}
