import { Buffer } from 'node:buffer'
import { isBson } from '../algebra/index.ts'
import type { SessionRecord } from '../contract/store.ts'
import { visible } from '../errors/visible.ts'

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

/** Results go to standard output, everything about the work itself to standard error, so a pipe gets results only. */
export class Output {
  readonly #json: boolean
  #shownHead = false
  #shownAt = Number.NEGATIVE_INFINITY
  #showsProgress = false
  #noted = ''

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
    const cells = COLUMNS.map(([name, width]) => cell(row[name] ?? '').padEnd(width))
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
      const [first, ...more] = name === 'data' ? JSON.stringify(value, null, 2).split('\n') : [cell(value ?? 'no')]
      this.line(`${name.padEnd(14)} ${first}`)
      for (const line of more) this.line(line)
    }
  }

  /** The outcome, as a sentence or as an object. */
  result(sentence: string, object: object): void {
    if (this.#json) this.json(object)
    else this.line(sentence)
  }

  /** How far the work is, on a terminal only, at most ten times a second. `done` and `total` where they are known. */
  progress(what: string, done?: number, total?: number): void {
    if (!process.stderr.isTTY || performance.now() - this.#shownAt < 100) return
    this.#shownAt = performance.now()
    this.#showsProgress = true
    const share = total ? Math.round((20 * done!) / total) : 0
    const bar = total ? ` [${'#'.repeat(share).padEnd(20)}] ${done} of ${total}` : ` ${done} so far`
    process.stderr.write(`\r\x1b[K${what}${done === undefined ? ' …' : bar}`)
  }

  /** About the work itself, on standard error, and only where it is news. */
  note(text: string): void {
    if (text === this.#noted) return
    this.#noted = text
    this.clear()
    process.stderr.write(`${text}\n`)
  }

  /** Takes the progress away. */
  clear(): void {
    if (this.#showsProgress) process.stderr.write('\r\x1b[K')
    this.#showsProgress = false
  }

  json(object: object): void {
    this.line(JSON.stringify(object))
  }

  /** Standard output and standard error may be one terminal, where a result must not be glued to the progress. */
  line(text: string): void {
    this.clear()
    process.stdout.write(`${visible(text)}\n`)
  }
}

const MARKS: Readonly<Record<string, string>> = { '+': 'created', '~': 'changed', '-': 'removed' }

function cell(value: unknown): string {
  return textOf(value) ?? JSON.stringify(value)
}

/** A value as an operator types it, an `ObjectId` in hex; undefined for lists, objects, dates and null. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  return isBson(value) && value._bsontype === 'ObjectId' ? String(value) : undefined
}
