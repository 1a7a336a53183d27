/** The ratios of `inc` and `read` on each store as bars, in an SVG that needs nothing else. */
export function chartOf(rows) {
  const shown = rows.filter(({ scene }) => ['no session used', 'inc', 'read', 'read and three changes'].includes(scene))
  const bars = shown.map(({ store, scene, subject, ratio, spread }) => ({
    title: `${store}: ${scene}, ${subject}`,
    ratio,
    spread,
    own: subject === 'ours',
  }))
  const scale = 360 / Math.max(...bars.map(({ spread }) => spread[1]))
  const height = 22 * bars.length + 40
  const text = (value) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const lines = bars.map(({ title, ratio, spread, own }, i) => {
    const y = 30 + 22 * i
    return `<text x="400" y="${y + 12}" text-anchor="end">${text(title)}</text>
<rect x="410" y="${y}" width="${(ratio * scale).toFixed(1)}" height="16" fill="${own ? '#2a7f62' : '#9aa5b1'}"/>
<path d="M${(410 + spread[0] * scale).toFixed(1)} ${y + 8}H${(410 + spread[1] * scale).toFixed(1)}" stroke="#222" />
<text x="${(418 + Math.max(ratio, spread[1]) * scale).toFixed(1)}" y="${y + 12}">${ratio.toFixed(2)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>Throughput of each subject as a ratio to the first of its group</title>
<rect width="860" height="${height}" fill="#fff"/>
<text x="410" y="18">throughput as a ratio to the first of each group; the line is the spread of the rounds</text>
${lines.join('\n')}
</svg>
`
}
