import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { KEPT_PROGRAMS } from './kept.ts'

/** A database server that the tests have started, or that was handed in by an environment variable. */
export interface Server {
  readonly url: string
  /** One line for people: which server it is. */
  readonly what: string
  /** Freezes and thaws all its processes. */
  pause(): void
  resume(): void
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
  /** Starts it again on the same port with the same data. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

/** Why a server can't be had here, and how to get it. */
export interface Missing {
  readonly missing: string
}

export interface Spec {
  readonly url: string
  readonly what: string
  readonly port: number
  readonly folder: string
  readonly command: string
  readonly arguments: readonly string[]
  readonly options?: SpawnOptions
  /** Resolves when the server answers; absent: when it accepts connections. */
  readonly ready?: () => Promise<unknown>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) signal(child, 'SIGKILL')
})

/** Starts a server and waits until it accepts connections. */
export async function start(spec: Spec): Promise<Server> {
  let child = await launch(spec)
  return {
    url: spec.url,
    what: spec.what,
    pause: () => signal(child, 'SIGSTOP'),
    resume: () => signal(child, 'SIGCONT'),
    kill: () => end(child),
    async restart() {
      await end(child)
      child = await launch(spec)
    },
    async stop() {
      await end(child)
      rmSync(spec.folder, { recursive: true, force: true })
    },
  }
}

/** A server that somebody else runs: it can be used, not controlled. */
export function handedIn(url: string, what: string): Server {
  const not = (): never => {
    throw new Error(`${what} was handed in by an environment variable and can't be controlled`)
  }
  return { url, what, pause: not, resume: not, kill: not, restart: not, stop: async () => {} }
}

async function launch({ command, arguments: args, options, port, what, ready }: Spec): Promise<ChildProcess> {
  // A process group of its own, so that signals reach the processes that the server forks.
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...options })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => (output = (output + chunk).slice(-4000)))
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${what} ended while it was starting:\n${output}`)))
  })
  await Promise.race([accepting(port).then(() => ready && untilItWorks(ready)), failed])
  child.removeAllListeners('exit')
  return child
}

/** Waits until something listens on the port. */
export async function accepting(port: number): Promise<void> {
  for (const until = Date.now() + 60_000; Date.now() < until; ) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`nothing listens on port ${port} after a minute`)
}

/** Tries until the work succeeds, and answers what it gives; throws its last error after a minute, or so many milliseconds. */
export async function untilItWorks<T>(work: () => Promise<T>, patience = 60_000): Promise<T> {
  for (const until = Date.now() + patience; ; ) {
    try {
      return await work()
    } catch (error) {
      if (Date.now() > until) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function end(child: ChildProcess): Promise<void> {
  running.delete(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  const others = family(child.pid!)
  signal(child, 'SIGKILL')
  await gone
  for (const pid of others) while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** The process and everything that descends from it: PostgreSQL's processes leave their parent's group. */
function family(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of existsSync('/proc') ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(name)) continue
    try {
      const [, parent] = /\) \w (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? []
      children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)])
    } catch {
      // It has ended meanwhile.
    }
  }
  const all = [pid]
  for (const parent of all) all.push(...(children.get(parent) ?? []))
  return all
}

function alive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  for (const pid of [-child.pid!, ...family(child.pid!)]) {
    try {
      process.kill(pid, name)
    } catch {
      // It has ended by itself.
    }
  }
}

const given = new Set<number>()

/**
 * A port at which nobody listens, never the same twice, and below those that systems give away by themselves: no
 * connection takes it before the server does, or while the server is down.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_768)
    if (given.has(port)) continue
    given.add(port)
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
}

export function temporaryFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `${name}-`))
}

/**
 * For servers that refuse to run as root: another user, to whom this folder is given. Nothing for anybody but root.
 */
export function anotherUser(folder: string, ...names: string[]): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = [...names, 'nobody'].map((name) => lines.find((line) => line.startsWith(`${name}:`))).find(Boolean)
  const [, , uid, gid] = (line ?? '').split(':').map(Number)
  chownSync(folder, uid!, gid!)
  return { uid: uid!, gid: gid! }
}

/** The full path of a program, looked for in these folders, on the PATH, and among those that the tests have brought. */
export function program(name: string, ...folders: string[]): string | undefined {
  for (const folder of [...folders, ...(process.env.PATH ?? '').split(delimiter), KEPT_PROGRAMS]) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}

export function versionOf(command: string, pattern: RegExp): string {
  return (
    pattern.exec(
      execFileSync(command, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    )?.[0] ?? ''
  )
}
