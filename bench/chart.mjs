import { tenOf, times } from './ten.mjs'

const [LEFT, WIDTH] = [430, 340]
const text = (value) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** The ten rows as bars, in an SVG that needs nothing else: how many times as fast as the fastest other library. */
export function chartOf(rows) {
  const bars = tenOf(rows).filter(({ ours }) => ours)
  // The widest bar and its spread, and the line at 1.
  const scale = WIDTH / Math.max(1.5, ...bars.map(({ spread }) => spread[1]))
  const at = (ratio) => (LEFT + ratio * scale).toFixed(1)
  const height = 26 * bars.length + 62
  const lines = bars.map(({ what, where, ratio, spread, other }, i) => {
    const y = 34 + 26 * i
    return `<text x="${LEFT - 10}" y="${y + 12}" text-anchor="end">${text(`${what}: ${where}`)}</text>
<rect x="${LEFT}" y="${y}" width="${(ratio * scale).toFixed(1)}" height="16" fill="${ratio < 1 ? '#9aa5b1' : '#2a7f62'}"><title>${text(`against ${other.subject}`)}</title></rect>
<path d="M${at(spread[0])} ${y + 8}H${at(spread[1])}" stroke="#222"/>
<text x="${(LEFT + Math.max(ratio, spread[1]) * scale + 8).toFixed(1)}" y="${y + 12}" font-weight="600">${times(ratio)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + 60} ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>Requests per second as a multiple of the fastest other library's</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${LEFT}" y="18">requests per second, as a multiple of the fastest other library's</text>
${lines.join('\n')}
<path d="M${at(1)} 28V${height - 24}" stroke="#c0392b" stroke-dasharray="4 3"/>
<text x="${at(1)}" y="${height - 10}" text-anchor="middle" fill="#c0392b">1: as fast</text>
</svg>
`
}
