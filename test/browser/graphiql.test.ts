/** The first page that a newcomer sees. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { startDevelopment } from '../clients/development.ts'
import type { DevelopmentServer } from '../clients/development.ts'
import { launchChromium } from './chromium.ts'
import { findViolations } from './find-violations.ts'
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

async function openGraphiQL(page: Page, { graph }: Pick<DevelopmentServer, 'graph'> = server): Promise<void> {
  await page.goto(graph)
  await page.getByRole('button', { name: /^Execute query/ }).waitFor()
}

/** A visitor's own profile, as a browser keeps it from one visit to the next. */
async function newVisitor(colorScheme: 'light' | 'dark' = 'light'): Promise<Page> {
  const context = await browser.newContext({ colorScheme })
  onTestFinished(() => context.close())
  return context.newPage()
}

const stored = (page: Page) =>
  page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]))

/** Runs what is in the tab in front until the answer has the text: GraphiQL takes a moment to see which operation it is. */
async function run(page: Page, text: string): Promise<void> {
  const answer = async () => {
    await page.getByRole('button', { name: /^Execute query/ }).click()
    const result = page.locator('.result-window')
    await result.getByText('{').first().waitFor()
    return result.textContent()
  }
  await expect.poll(answer, { timeout: 20_000, interval: 1000 }).toContain(text)
}

test('GraphiQL opens where a person looks first, shows a token and the documentation, and loads nothing from elsewhere', async () => {
  const page = await newVisitor()
  const seen = watchPage(page)
  await page.goto(new URL('/', server.graph).href)
  await page.getByRole('button', { name: /^Execute query/ }).click()
  expect(page.url()).toBe(server.graph)
  const result = page.locator('.result-window')
  await result.getByText('demo-google-work-token').waitFor()
  expect(await result.textContent()).toContain('demo-x-token-secret')
  // The documentation is the last part that a visitor opens; it appears once the schema was read.
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
  await page.getByText('Root Types').waitFor()
  const { origin } = new URL(server.graph)
  expect(seen.requests.length).toBeGreaterThan(1)
  expect(seen.requests.filter((url) => url !== `${origin}/` && !isOwn(url, origin))).toEqual([])
  expect(seen.errors).toEqual([])
})

const isOwn = (url: string, origin: string): boolean =>
  url.startsWith(`${origin}/graphql`) || url.startsWith(`blob:${origin}/`)

test('GraphiQL has a tab that reads, and one that reads many', async () => {
  const page = await newVisitor()
  await openGraphiQL(page)
  expect(await page.getByRole('tab').allTextContents()).toMatchObject([
    expect.stringMatching(/^Read/),
    expect.stringMatching(/^Batch/),
  ])
  const shown = async () => {
    await page.locator('.graphiql-tab-button', { hasText: 'Batch' }).click()
    return page.locator('.graphiql-query-editor').textContent()
  }
  await expect.poll(shown, { timeout: 20_000 }).toContain('users')
  await run(page, 'CONNECTED')
})

test('GraphiQL has the same tabs at each later visit, and its query runs', async () => {
  const page = await newVisitor()
  for (let visit = 1; visit <= 3; visit++) {
    await openGraphiQL(page)
    expect(await page.getByRole('tab').allTextContents()).toMatchObject([
      expect.stringMatching(/^Read/),
      expect.stringMatching(/^Batch/),
    ])
    await run(page, 'demo-google-work-token')
    // The tabs are stored some time after a change.
    await expect.poll(() => stored(page)).toContain('Batch')
  }
})

test('GraphiQL never stores the key, and forgets one that an earlier version stored', async () => {
  const page = await newVisitor()
  await openGraphiQL(page)
  await run(page, 'demo-google-work-token')
  await expect.poll(() => stored(page)).toContain('Batch')
  expect(await stored(page)).not.toContain(server.key)

  const headers = JSON.stringify({ Authorization: 'Bearer tgk_of_a_server_that_is_gone' })
  await page.evaluate((old) => {
    const tab = {
      id: 'a',
      hash: 'b',
      title: 'Old',
      query: '{ me { id } }',
      variables: '',
      headers: old,
      response: null,
    }
    localStorage.setItem('graphiql:headers', old)
    localStorage.setItem('graphiql:shouldPersistHeaders', 'true')
    localStorage.setItem('graphiql:tabState', JSON.stringify({ tabs: [tab], activeTabIndex: 0 }))
  }, headers)
  await openGraphiQL(page)
  await run(page, 'null')
  expect(await stored(page)).not.toContain('tgk_')
})

test('GraphiQL sends the new key after `data` was made anew', async () => {
  const page = await newVisitor()
  const former = await startDevelopment()
  await openGraphiQL(page, former)
  await run(page, 'demo-google-work-token')
  await expect.poll(() => stored(page)).toContain('Batch')
  await former[Symbol.asyncDispose]()
  await using renewed = await startDevelopment(Number(new URL(former.graph).port))
  expect(renewed.key).not.toBe(former.key)
  await openGraphiQL(page, renewed)
  await run(page, 'demo-google-work-token')
})

// The buttons that close tabs are inside of the tabs; that is GraphiQL's own (graphql/graphiql).
const own = { 'nested-interactive': { enabled: false } }

test.each(['light', 'dark'] as const)('GraphiQL breaks no rule of axe: %s', async (colorScheme) => {
  const page = await newVisitor(colorScheme)
  await openGraphiQL(page)
  const check = async () => {
    for (const width of [1920, 1280]) {
      await page.setViewportSize({ width, height: 900 })
      expect(await findViolations(page, own), `${String(width)} pixels`).toEqual([])
    }
  }
  await check()
  await run(page, 'demo-google-work-token')
  await check()
})
