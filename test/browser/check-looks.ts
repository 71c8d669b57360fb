/** Checks a page at the width of a telephone and of a wide screen, light and dark. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { findViolations } from './find-violations.ts'
import { measureContrast } from './measure-contrast.ts'

/** Expects no broken rule of axe, no horizontal scrolling, and enough contrast; `state` is what the page shows, for the message. */
export async function checkLooks(page: Page, state: string): Promise<void> {
  await page.mouse.move(0, 0)
  for (const width of [320, 1920]) {
    await page.setViewportSize({ width, height: 900 })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const look = `${state}: ${colorScheme}, ${String(width)} pixels`
      expect(await findViolations(page), look).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth), look).toBe(width)
      const { measured, tooLow } = await measureContrast(page)
      expect(measured, look).toBeGreaterThan(0)
      expect(tooLow, look).toEqual([])
    }
  }
}
