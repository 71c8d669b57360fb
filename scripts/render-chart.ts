/**
 * Renders the chart of deploy/helm into deploy/kubernetes, after any change of it: `npm run chart:render`. Needs Helm 3
 * or 4, as `helm` or as the variable HELM says. It copies the alert rules and the dashboard into the chart first, because
 * a chart reads its own files only.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const deploy = fileURLToPath(new URL('../deploy/', import.meta.url))
const chart = join(deploy, 'helm/tokengraph')

/** What is rendered, with the arguments of `helm template`, by file of deploy/kubernetes. */
const renderings: Readonly<Record<string, readonly string[]>> = {
  'tokengraph.yaml': [],
  'monitoring.yaml': ['--set', 'monitoring.enabled=true', '--show-only', 'templates/monitoring.yaml'],
}

/** Files of deploy/ that the chart has copies of. */
export const copies: Readonly<Record<string, string>> = {
  'prometheus/alerts.yaml': 'helm/tokengraph/files/alerts.yaml',
  'grafana/dashboard.json': 'helm/tokengraph/files/dashboard.json',
}

/** Returns the digest of the chart, which the head of each rendering has: a test compares it without Helm. */
export function digestChart(): string {
  const files = readdirSync(chart, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(chart, name)).isFile())
    .sort()
  const hash = createHash('sha256')
  for (const name of files) hash.update(`${name}\0`).update(readFileSync(join(chart, name)))
  return hash.digest('hex')
}

if (import.meta.main) {
  for (const [from, to] of Object.entries(copies)) {
    mkdirSync(dirname(join(deploy, to)), { recursive: true })
    copyFileSync(join(deploy, from), join(deploy, to))
  }
  const helm = process.env.HELM ?? 'helm'
  execFileSync(helm, ['lint', '--strict', chart], { stdio: 'inherit' })
  for (const [file, args] of Object.entries(renderings)) {
    const text = execFileSync(helm, ['template', 'tokengraph', chart, ...args], { encoding: 'utf8' })
    const head = `# Rendered from deploy/helm/tokengraph by \`npm run chart:render\`; chart ${digestChart()}\n`
    const lines = text.split('\n').map((line) => line.trimEnd())
    writeFileSync(join(deploy, 'kubernetes', file), head + lines.join('\n'))
  }
}
