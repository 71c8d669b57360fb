/** Runs axe in a page: WCAG 2.0 to 2.2, A and AA, and its best practices. */
import { createRequire } from 'node:module'
import type { AxeResults, RunOptions } from 'axe-core'
import type { Page } from 'playwright-core'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice']

/** Returns the rules that are broken, each with the elements; `rules` switches some off. */
export async function findViolations(page: Page, rules: RunOptions['rules'] = {}): Promise<readonly string[]> {
  // Half a megabyte: once for each document that the page loads.
  if (!(await page.evaluate(() => 'axe' in window))) await page.addScriptTag({ path: axe })
  const { violations, passes } = await page.evaluate(
    async (options) => {
      const { axe: tool } = window as unknown as { axe: { run(what: Document, how: object): Promise<AxeResults> } }
      return tool.run(document, options)
    },
    { runOnly: tags, rules },
  )
  if (passes.length === 0) throw new Error('axe checked nothing')
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
}
