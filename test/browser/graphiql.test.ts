/** The first page that a newcomer sees. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startDevelopment } from '../clients/development.ts'
import type { DevelopmentServer } from '../clients/development.ts'
import { launchChromium } from './chromium.ts'
import { watchPage } from './watch-page.ts'

let server: DevelopmentServer
let browser: Browser

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startDevelopment(), launchChromium()])
})

afterAll(async () => {
  await browser.close()
  await server[Symbol.asyncDispose]()
})

async function openGraphiQL(page: Page): Promise<void> {
  await page.goto(server.graph)
  await page.getByRole('button', { name: /^Execute query/ }).waitFor()
}

test('GraphiQL runs its prefilled query and shows a token', async () => {
  const page = await browser.newPage()
  const seen = watchPage(page)
  await openGraphiQL(page)
  await page.getByRole('button', { name: /^Execute query/ }).click()
  const result = page.locator('.result-window')
  await result.getByText('demo-google-work-token').waitFor()
  expect(await result.textContent()).toContain('demo-x-token-secret')
  expect(seen.errors).toEqual([])
})

test('GraphiQL loads nothing from elsewhere', async () => {
  const page = await browser.newPage()
  const seen = watchPage(page)
  await openGraphiQL(page)
  // The documentation is the last part that a visitor opens; it appears once the schema was read.
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
  await page.getByText('Root Types').waitFor()
  const { origin } = new URL(server.graph)
  expect(seen.requests.length).toBeGreaterThan(1)
  expect(
    seen.requests.filter((url) => !url.startsWith(`${origin}/graphql`) && !url.startsWith(`blob:${origin}/`)),
  ).toEqual([])
})
