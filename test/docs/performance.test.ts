import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { chartThemes, renderChart } from '../../bench/chart.ts'
import { performanceParts, readResult } from '../../bench/report.ts'
import type { Section } from '../../bench/report.ts'
import { root } from './pages.ts'

const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const page = 'docs/performance.md'

describe('figures of performance come from bench/results/latest.json', () => {
  it.each(Object.entries(performanceParts))('%s', (name, render) => {
    expect(read(page)).toContain(`<!-- generated: ${name} -->\n\n${render()}\n<!-- end -->`)
  })

  it.each(chartThemes)('the %s chart, which the page and the README show', (theme) => {
    const file = `images/performance-${theme}.svg`
    expect(read(`docs/${file}`)).toBe(renderChart(readResult().servers, theme))
    expect(read(page)).toContain(`"${file}"`)
    expect(read('README.md')).toContain(`"docs/${file}"`)
  })

  it('no figure stands outside the generated parts', () => {
    const prose = read(page).replaceAll(/<!-- generated[^]*?<!-- end -->/g, '')
    expect(prose.match(/\b\d+(\.\d+)? ?(x|times|requests\/s|MB)\b|\b\d+\.\d+\b/g)).toBeNull()
  })

  it('states when, with which command and on which machine', () => {
    const sections: Readonly<Record<string, Section<unknown>>> = { ...readResult() }
    for (const { date, command, machine } of Object.values(sections)) {
      expect(Date.parse(date)).toBeGreaterThan(0)
      expect(command).toMatch(/^npm run bench/)
      expect(machine).toMatch(/ cores, \d+ GB, Node /)
      expect(read(page)).toContain(`Measured ${date.slice(0, 10)} with \`${command}\` on ${machine}`)
    }
  })
})
