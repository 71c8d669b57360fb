/** The example page without a mouse, without colours to guess at, and on a small screen. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { launchChromium } from './chromium.ts'
import { startExampleServer } from './example-server.ts'
import type { ExampleServer } from './example-server.ts'
import { measureContrast } from './measure-contrast.ts'

let example: ExampleServer
let browser: Browser

beforeAll(async () => {
  ;[example, browser] = await Promise.all([startExampleServer(), launchChromium()])
})

afterAll(async () => {
  await browser.close()
  await example[Symbol.asyncDispose]()
})

async function open(colorScheme: 'light' | 'dark', width: number): Promise<Page> {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 740 }, reducedMotion: 'reduce' })
  onTestFinished(() => context.close())
  const page = await context.newPage()
  await page.goto(example.url)
  await page.getByRole('button', { name: 'Sign in as the demo user' }).waitFor()
  return page
}

const focused = (page: Page) =>
  page.evaluate(() => {
    const { activeElement } = document
    if (activeElement === null) throw new Error('nothing has the focus')
    const { outlineStyle, outlineWidth } = getComputedStyle(activeElement)
    return { text: activeElement.textContent, outline: `${outlineStyle} ${outlineWidth}` }
  })

test('works with the keyboard alone, and the focus is always to be seen', async () => {
  const page = await open('light', 1000)
  await page.keyboard.press('Tab')
  expect(await focused(page)).toEqual({ text: 'Sign in as the demo user', outline: 'solid 3px' })
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Connected accounts' }).waitFor()
  // The button is gone; the focus goes on where the page begins.
  expect((await focused(page)).text).toBe('Connected accounts')

  const stops: string[] = []
  for (let stop = await press(page); stop.text !== 'Copy the token of X, demo'; stop = await press(page)) {
    expect(stop.outline).toBe('solid 3px')
    stops.push(stop.text)
  }
  expect(stops).toEqual([
    'Sign out',
    'Reconnect Slack',
    'Show the token of GitHub, demo',
    'Copy the token of GitHub, demo',
    'Disconnect GitHub, demo',
    'Connect another account at GitHub',
    'Show the token of Google, demo@home.example',
    'Copy the token of Google, demo@home.example',
    'Show the token of Google, demo@work.example',
    'Copy the token of Google, demo@work.example',
    'Show the token of X, demo',
  ])
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Space')
  await page.getByText('demo-x-token', { exact: true }).waitFor()
  expect((await focused(page)).text).toBe('Hide the token of X, demo')
})

async function press(page: Page) {
  await page.keyboard.press('Tab')
  return focused(page)
}

test.each(['light', 'dark'] as const)('keeps the contrast of WCAG AA: %s', async (colorScheme) => {
  const page = await open(colorScheme, 1000)
  expect(await measureContrast(page)).toMatchObject({ measured: 5, tooLow: [] })
  await page.getByRole('button', { name: 'Sign in as the demo user' }).click()
  await page.getByRole('button', { name: 'Show the token of X, demo' }).click()
  await page.getByText('demo-x-token', { exact: true }).waitFor()
  const { measured, tooLow } = await measureContrast(page)
  expect(tooLow).toEqual([])
  expect(measured).toBeGreaterThan(40)
})

test('fits a screen of 360 pixels', async () => {
  const page = await open('light', 360)
  const width = () => page.evaluate(() => document.documentElement.scrollWidth)
  expect(await width()).toBe(360)
  await page.getByRole('button', { name: 'Sign in as the demo user' }).click()
  await page.getByRole('heading', { name: 'Connected accounts' }).waitFor()
  expect(await width()).toBe(360)
  // WCAG 2.2, 2.5.8: targets of at least 24 by 24 pixels
  for (const button of await page.getByRole('button').all()) {
    const { width: across, height } = (await button.boundingBox())!
    expect(Math.min(across, height)).toBeGreaterThanOrEqual(24)
  }
})

test('moves nothing for those who asked for less motion', async () => {
  const page = await open('light', 1000)
  const button = page.getByRole('button', { name: 'Sign in as the demo user' })
  expect(await button.evaluate((element) => getComputedStyle(element).transitionDuration)).toBe('0s')
})
