/** All rows as Markdown, a table for each store; a row for each subject of a scene. */
export function tableOf(rows) {
  const stores = [...new Set(rows.map(({ store }) => store))]
  return stores.map((store) => `## ${store}\n\n${tableOfStore(rows.filter((row) => row.store === store))}`).join('\n')
}

function tableOfStore(rows) {
  const lines = rows.map(({ scene, subject, ratio, spread, perSecond, p50, p99, cpu, lost, bytes, failed }) => [
    scene,
    subject,
    ratio.toFixed(2),
    spread.map((one) => one.toFixed(2)).join('-'),
    String(perSecond),
    p50.toFixed(1),
    p99.toFixed(1),
    cpu.toFixed(0),
    [
      lost !== undefined && `${lost} of 200 lost`,
      bytes !== undefined && `${bytes} bytes`,
      failed > 0 && `${failed} failed`,
    ]
      .filter(Boolean)
      .join(', '),
  ])
  const head = ['scene', 'subject', 'ratio', 'spread', 'a second', 'p50 ms', 'p99 ms', 'CPU µs', '']
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}
