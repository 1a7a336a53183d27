export const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]

/** The quotients of two rows that were measured in the same rounds, `what` being `perSecond` or `cpu`. */
export function quotient(row, limit, what = 'perSecond') {
  const all = row.rounds[what].map((figure, round) => figure / limit.rounds[what][round])
  return { ratio: median(all), spread: [Math.min(...all), Math.max(...all)] }
}

const short = (figure) => Number(figure.toPrecision(4))

/** What is kept of a cell's rounds. Ratios are to the scene's first cell, of the same round. */
export function rowOf({ store, scene, cell, lost, wire, calls }, runs, limit) {
  const rounds = (list) => ({
    perSecond: list.map(({ perSecond }) => Math.round(perSecond)),
    cpu: list.map(({ cpu }) => short(cpu)),
  })
  const { ratio, spread } = quotient({ rounds: rounds(runs) }, { rounds: rounds(limit) })
  const of = (what) => short(median(runs.map((run) => run[what])))
  return {
    store,
    scene,
    subject: cell.subject,
    size: cell.size,
    ratio: short(ratio),
    spread: spread.map(short),
    perSecond: Math.round(of('perSecond')),
    p50: of('p50'),
    p99: of('p99'),
    cpu: of('cpu'),
    load: of('load'),
    ...(runs[0].database !== undefined && { database: of('database') }),
    rounds: rounds(runs),
    failed: runs.reduce((sum, { failed }) => sum + failed, 0),
    ...(lost !== undefined && { lost }),
    ...wire,
    ...(calls !== undefined && { calls }),
  }
}

const HEAD = [
  'scene',
  'subject',
  'size',
  'ratio',
  'spread',
  'a second',
  'p50 ms',
  'p99 ms',
  'µs: load',
  'application',
  'database',
  'commands',
  'bytes',
  'system calls',
  '',
]

export function cellsOf({
  scene,
  subject,
  size,
  ratio,
  spread,
  perSecond,
  p50,
  p99,
  cpu,
  load,
  database,
  commands,
  bytes,
  calls,
  lost,
  failed,
}) {
  return [
    scene,
    subject,
    size,
    ratio.toFixed(2),
    spread.map((one) => one.toFixed(2)).join('-'),
    String(perSecond),
    p50.toFixed(1),
    p99.toFixed(1),
    ...[load, cpu, database].map((us) => us?.toFixed(0) ?? ''),
    String(commands ?? ''),
    String(bytes ?? ''),
    String(calls ?? ''),
    [lost !== undefined && `${lost} of 200 lost`, failed > 0 && `${failed} failed`].filter(Boolean).join(', '),
  ]
}

/** A row as a line for people. */
export function lineOf(row) {
  const widths = [32, 34, 8, 5, 10, 7, 6, 6, 4, 5, 5, 5, 7, 6]
  return cellsOf(row)
    .map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i] ?? 0)))
    .join(' ')
}

/** All rows as Markdown, a table for each store. */
export function markdownOf(rows) {
  const stores = [...new Set(rows.map(({ store }) => store))]
  return stores
    .map((store) => {
      const lines = rows.filter((row) => row.store === store).map(cellsOf)
      return `## ${store}\n\n${markdown(HEAD, lines)}`
    })
    .join('\n')
}

/** A table in Markdown. */
export function markdown(head, lines) {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}
