/** The contrast of what is written on a page (WCAG 2.2, 1.4.3). */
import type { Page } from 'playwright-core'

/** How many texts were measured, and those below 4.5 : 1. Backgrounds are plain colours here, no pictures. */
export function measureContrast(page: Page): Promise<{ measured: number; tooLow: string[] }> {
  return page.evaluate(() => {
    const channels = (color: string) => (/[\d.]+/g[Symbol.match](color) ?? []).map(Number)
    const luminance = (color: string) => {
      const [red = 0, green = 0, blue = 0] = channels(color).map((value) =>
        value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
      )
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const isClear = (color: string) => channels(color)[3] === 0
    const groundOf = (element: Element | null): string => {
      if (element === null) return 'rgb(255, 255, 255)'
      const { backgroundColor } = getComputedStyle(element)
      return isClear(backgroundColor) ? groundOf(element.parentElement) : backgroundColor
    }
    const written = [...document.querySelectorAll('body *')].filter((element) =>
      [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim() !== ''),
    )
    const visible = written.filter(
      (element) => element.checkVisibility() && element.closest('.visually-hidden') === null,
    )
    const tooLow = visible.flatMap((element) => {
      const lights = [luminance(getComputedStyle(element).color), luminance(groundOf(element))]
      const ratio = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05)
      return ratio >= 4.5 ? [] : [`${element.textContent}: ${ratio.toFixed(2)}`]
    })
    return { measured: visible.length, tooLow }
  })
}
