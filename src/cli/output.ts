import type { SessionRecord } from '../store.ts'

/** What a line shows of a session: nothing that proves access, and its data only where they are asked for. */
export interface Row {
  readonly id: string
  readonly user?: unknown
  readonly created: string
  readonly expires: string
  readonly authenticated: string | null
  readonly changes: number
  readonly bytes: number
  readonly data?: unknown
}

export function rowOf(record: SessionRecord, user: unknown, withData: boolean): Row {
  const { id, created, expires, authAt, version, data } = record
  return {
    id,
    ...(user !== undefined && { user }),
    created: new Date(created).toISOString(),
    expires: new Date(expires).toISOString(),
    authenticated: authAt === null ? null : new Date(authAt).toISOString(),
    changes: version - 1,
    bytes: Buffer.byteLength(JSON.stringify(data)),
    ...(withData && { data }),
  }
}

const COLUMNS = [
  ['id', 22],
  ['user', 16],
  ['created', 24],
  ['expires', 24],
  ['changes', 7],
  ['bytes', 6],
] as const

/** Results go to standard output, everything about the work itself to standard error, so that a pipe gets results only. */
export class Output {
  readonly #json: boolean
  #shownHead = false
  #shownAt = 0

  constructor(json: boolean) {
    this.#json = json
  }

  row(row: Row, mark = ''): void {
    if (this.#json) {
      this.json(mark ? { event: MARKS[mark], ...row } : row)
      return
    }
    if (!this.#shownHead) {
      this.#shownHead = true
      this.line(`${mark ? '  ' : ''}${COLUMNS.map(([name, width]) => name.padEnd(width)).join('  ')}`)
    }
    const cells = COLUMNS.map(([name, width]) => printable(row[name] ?? '').padEnd(width))
    this.line(`${mark ? `${mark} ` : ''}${cells.join('  ').trimEnd()}`)
    if (row.data !== undefined) this.line(`  ${JSON.stringify(row.data)}`)
  }

  /** One session, a line for each of its properties. */
  details(row: Row): void {
    if (this.#json) {
      this.json(row)
      return
    }
    for (const [name, value] of Object.entries(row)) {
      this.line(`${name.padEnd(14)} ${name === 'data' ? JSON.stringify(value, null, 2) : printable(value ?? 'no')}`)
    }
  }

  /** The outcome, as a sentence or as an object. */
  result(sentence: string, object: object): void {
    if (this.#json) this.json(object)
    else this.line(sentence)
  }

  /** How far the work is, on a terminal only, at most ten times a second. `total` where it is known. */
  progress(what: string, done: number, total?: number): void {
    if (!process.stderr.isTTY || performance.now() - this.#shownAt < 100) return
    this.#shownAt = performance.now()
    const share = total ? Math.round((20 * done) / total) : 0
    const bar = total ? `[${'#'.repeat(share).padEnd(20)}] ${done} of ${total}` : `${done} so far`
    process.stderr.write(`\r\x1b[K${what} ${bar}`)
  }

  /** Takes the progress away. */
  clear(): void {
    if (process.stderr.isTTY && this.#shownAt > 0) process.stderr.write('\r\x1b[K')
  }

  json(object: object): void {
    this.line(JSON.stringify(object))
  }

  line(text: string): void {
    process.stdout.write(`${text}\n`)
  }
}

const MARKS: Readonly<Record<string, string>> = { '+': 'created', '~': 'changed', '-': 'removed' }

/** A visitor's text must not move the cursor of an operator's terminal. */
function printable(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.replace(/\p{Cc}/gu, '\uFFFD')
}
