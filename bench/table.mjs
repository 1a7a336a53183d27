// node bench/table.mjs: writes what a run has measured into README.md, between its markers.
import { readFileSync, writeFileSync } from 'node:fs'
import { chartOf } from './chart.mjs'
import { format, writePage } from './page.mjs'
import { markdown, quotient } from './rows.mjs'
import { PEERS } from './scenes.mjs'
import { targetsOf, verdictOf } from './targets.mjs'
import { tenOf, times } from './ten.mjs'

const README = new URL('README.md', import.meta.url)
const RESULTS = new URL('results/full.json', import.meta.url)
const CHART = new URL('results/full.svg', import.meta.url)

const figure = ({ label, ratio, spread, processors }, unit) => {
  const text = unit === 'count' ? String(ratio) : ratio.toFixed(unit === 'µs' || unit === 'MiB' ? 1 : 2)
  return `${label}: ${text}${spread ? ` (${spread.map((one) => one.toFixed(2)).join('-')})` : ''}${processors ? `: ${processors}` : ''}`
}

/** What a reader sees first: ten things that a request does, here and with the fastest other library. */
function tenTable({ rows }) {
  const lines = tenOf(rows).map(({ what, where, ours, other, ratio, spread }) => {
    if (!ours) return [what, where, 'not measured', '', '', '']
    const lost = ours.lost === undefined || other.lost === undefined ? '' : `${ours.lost}, ${other.lost}`
    const faster = `**${times(ratio)}** (${spread.map(times).join('-')})`
    return [what, where, perSecond(ours), `${other.subject}: ${perSecond(other)}`, faster, lost]
  })
  const head = ['a request', 'on', 'per second', 'fastest other library', 'times as fast', 'of 200 changes lost']
  return markdown(head, lines)
}

const perSecond = (row) => row.perSecond.toLocaleString('en')

function runOf({ machine, finished, rounds, ms, servers, skipped, seconds }) {
  const { commit, changed, date, node, cpus, memory, versions } = machine
  const lines = Object.entries(servers).map(([store, { what, durability }]) => [store, what, durability])
  const left = Object.entries(skipped).map(([what, why]) => `Left out: ${what}: ${why}.\n`)
  return `Commit ${commit.slice(0, 12)}${changed ? ' **with changes that are not committed**' : ''}, ${date.slice(0, 16)}Z; ${finished ? `finished${seconds ? ` after ${Math.round(seconds / 60)} minutes` : ''}` : '**not finished**'}. Node ${node}; ${cpus}, ${memory}; load, server and database on the same machine. ${rounds} rounds of ${ms} ms.

${markdown(['store', 'server', 'its durability'], lines)}
${left.join('\n')}
${Object.entries(versions)
  .map((one) => one.join(' '))
  .join(', ')}.`
}

function targetTable(results) {
  const lines = targetsOf(results).map((target) => {
    const { what, least, most, figures, unit, why } = target
    const asked = least !== undefined ? `>= ${least}` : most !== undefined ? `<= ${most}` : ''
    return [what, asked, figures.map((one) => figure(one, unit)).join('<br>'), verdictOf(target), why]
  })
  return markdown(['what', 'target', 'figure (lowest and highest round)', 'met?', 'why'], lines)
}

/** Peers beside us: ratios to the same limit, processor time, and what one request sends. */
function peerTable({ rows, servers }) {
  const scenes = [
    'no session used',
    'inc',
    'read',
    'read and three changes',
    'inc, session of 4 KiB',
    'read, session of 16 KiB',
    'inc, session of 16 KiB',
    'read, session of 64 KiB',
    'inc, session of 64 KiB',
  ]
  const lines = Object.keys(servers).flatMap((store) =>
    scenes.flatMap((scene) => {
      const all = rows.filter((row) => row.store === store && row.scene === scene)
      const ours = all.find(({ subject }) => subject === 'ours')
      if (!ours) return []
      return all
        .filter(({ subject }) => subject.startsWith('ours') || PEERS[store].includes(subject))
        .map((row) => [
          store,
          scene,
          row.subject,
          row.ratio.toFixed(2),
          row.subject.startsWith('ours') ? '' : quotient(ours, row).ratio.toFixed(2),
          ...[row.load, row.cpu, row.database].map((us) => us?.toFixed(0) ?? ''),
          row.p99.toFixed(1),
          String(row.commands ?? ''),
          String(row.bytes ?? ''),
          String(row.calls ?? ''),
          row.lost === undefined ? '' : String(row.lost),
        ])
    }),
  )
  const head = [
    'store',
    'scene',
    'subject',
    'to the limit',
    'ours to it',
    'µs: load',
    'application',
    'database',
    'p99 ms',
    'commands',
    'bytes',
    'system calls',
    'lost of 200',
  ]
  return markdown(head, lines)
}

function microTable({ micro }) {
  if (!micro) return 'Not measured.'
  return micro.wholes
    .map(({ name, whole, rows }) => {
      const lines = rows.map(({ part, us }) => [part, us.toFixed(2)])
      return `${markdown([`\`${name}\``, 'µs'], [...lines, ['**the whole**', `**${whole.toFixed(2)}**`]])}`
    })
    .join('\n')
}

function profileTable({ profile }) {
  if (!profile) return 'Not measured.'
  const groups = [...new Set(profile.flatMap(({ groups }) => Object.keys(groups)))]
  const lines = groups.map((group) => [
    group,
    ...profile.map(({ groups }) => `${(100 * (groups[group] ?? 0)).toFixed(1)} %`),
  ])
  return markdown(['measure', ...profile.map(({ store }) => store)], lines)
}

export function writeReadme(results) {
  const parts = {
    ten: tenTable,
    run: runOf,
    targets: targetTable,
    peers: peerTable,
    micro: microTable,
    profile: profileTable,
  }
  writePage(README, Object.fromEntries(Object.entries(parts).map(([name, table]) => [name, table(results)])))
  writeFileSync(CHART, chartOf(results.rows))
  format(RESULTS.pathname)
}

if (process.argv[1] === import.meta.filename) writeReadme(JSON.parse(readFileSync(process.argv[2] ?? RESULTS, 'utf8')))
