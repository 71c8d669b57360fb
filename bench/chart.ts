/** The chart of docs/performance.md, made from the kept result: one SVG for light pages and one for dark ones. */
import type { Figures, Row, Section } from './report.ts'

const themes = {
  light: { text: '#1f2328', faint: '#59636e', grid: '#d1d9e0', ours: '#0969da', peer: '#afb8c1' },
  dark: { text: '#f0f6fc', faint: '#9198a1', grid: '#3d444d', ours: '#4493f8', peer: '#656c76' },
}

export type Theme = keyof typeof themes
export const chartThemes = Object.keys(themes) as readonly Theme[]

const WIDTH = 800
const LABEL = 240
/** Right of the longest bar, for its figure. */
const FIGURE = 60
const BAR = 18
const STEP = 26
const HEAD = 44

const panels = [
  { load: 'one', title: 'One token' },
  { load: 'many', title: '100 users × 2 providers' },
] as const

function panel(rows: readonly Row[], { load, title }: (typeof panels)[number], top: number, theme: Theme): string {
  const { text, faint, grid, ours, peer } = themes[theme]
  const bars = rows
    .flatMap((row) => (row[load] === null ? [] : [{ row, figures: row[load] satisfies Figures }]))
    .sort((a, b) => b.figures.ratio - a.figures.ratio)
  const scale = (WIDTH - LABEL - FIGURE) / Math.max(...bars.map(({ figures }) => figures.ratio))
  const base = (LABEL + scale).toFixed(1)
  const lines = bars.map(({ row, figures: { ratio } }, index) => {
    const y = top + HEAD + index * STEP
    const middle = y + BAR / 2 + 4
    const weight = row.isTokengraph ? ' font-weight="600"' : ''
    return [
      `<text x="${LABEL - 8}" y="${middle}" text-anchor="end" fill="${text}"${weight}>${row.name}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${(ratio * scale).toFixed(1)}" height="${BAR}" rx="2" fill="${row.isTokengraph ? ours : peer}"/>`,
      `<text x="${(LABEL + ratio * scale + 6).toFixed(1)}" y="${middle}" fill="${text}"${weight}>${ratio.toFixed(2)}</text>`,
    ].join('\n')
  })
  return [
    `<text x="0" y="${top + 18}" font-size="15" font-weight="600" fill="${text}">${title}</text>`,
    `<text x="${LABEL}" y="${top + 18}" fill="${faint}">times the requests/s of Mercurius with JIT</text>`,
    ...lines,
    `<line x1="${base}" y1="${top + HEAD - 8}" x2="${base}" y2="${top + HEAD + bars.length * STEP}" stroke="${grid}" stroke-dasharray="3 3"/>`,
  ].join('\n')
}

/** Returns the text of an SVG file. */
export function renderChart({ rows, date, machine }: Section<Row>, theme: Theme): string {
  const panelHeight = HEAD + rows.length * STEP + 20
  const height = panels.length * panelHeight + 24
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="system-ui, sans-serif" font-size="13">`,
    '<title>Requests per second beside other servers, as ratios; docs/performance.md has the figures</title>',
    ...panels.map((each, index) => panel(rows, each, index * panelHeight, theme)),
    `<text x="0" y="${height - 8}" font-size="12" fill="${themes[theme].faint}">npm run bench, ${date.slice(0, 10)}, ${machine}</text>`,
    '</svg>\n',
  ].join('\n')
}
