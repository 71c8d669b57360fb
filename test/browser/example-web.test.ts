/** The example page in the hands of a user. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { launchChromium } from './chromium.ts'
import { startExampleServer } from './example-server.ts'
import type { ExampleServer } from './example-server.ts'
import { watchPage } from './watch-page.ts'

const homeToken = 'the token of Google, demo@home.example'
const workToken = 'the token of Google, demo@work.example'

let example: ExampleServer
let browser: Browser

beforeAll(async () => {
  ;[example, browser] = await Promise.all([startExampleServer(), launchChromium()])
})

afterAll(async () => {
  await browser.close()
  await example[Symbol.asyncDispose]()
})

async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options)
  onTestFinished(() => context.close())
  return context.newPage()
}

async function open(options: BrowserContextOptions = {}): Promise<Page> {
  const page = await newPage(options)
  await page.goto(example.url)
  return page
}

async function signIn(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Sign in as the demo user' }).click()
  await page.getByRole('heading', { name: 'Connected accounts' }).waitFor()
}

test('shows each connection with its status, its accounts, their scopes and a countdown', async () => {
  const page = await open()
  const seen = watchPage(page)
  await signIn(page)
  const google = page.getByRole('region', { name: 'Google' })
  expect(await google.textContent()).toContain('Status: ✓ Connected')
  expect(await google.getByRole('heading', { level: 3 }).allTextContents()).toEqual([
    'demo@home.example home',
    'demo@work.example work',
  ])
  expect(await google.getByText('https://www.googleapis.com/auth/calendar.readonly').isVisible()).toBe(true)
  const countdown = google.getByRole('time').filter({ hasText: /^in 59 min \d\d s$/ })
  const first = await countdown.textContent()
  await expect.poll(() => countdown.textContent(), { timeout: 20_000 }).not.toBe(first)
  // The demo provider refreshes the one, and nothing refreshes the other.
  expect(await page.getByRole('region', { name: 'GitHub' }).textContent()).toContain('Status: ✓ Connected')
  expect(await page.getByRole('region', { name: 'Slack' }).textContent()).toContain('Status: ! Consent needed')
  expect(seen.errors).toEqual([])
})

test('reads a token when the user asks for it, and not before', async () => {
  const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] })
  const answers: Promise<string>[] = []
  page.on('response', (response) => {
    if (response.url().endsWith('/graphql')) answers.push(response.text())
  })
  await signIn(page)
  expect((await Promise.all(answers)).join('')).toContain('eac_demo_google_home')
  expect((await Promise.all(answers)).join('')).not.toMatch(/demo-google-\w+-token/)

  await page.getByRole('button', { name: `Copy ${workToken}` }).click()
  await page.getByRole('status').getByText('Copied the token of Google, demo@work.example.').waitFor()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('demo-google-work-token')
  expect(await page.getByText('demo-…oken').count()).toBe(1)
  expect(await page.content()).not.toContain('demo-google-work-token')
  // the one that was asked for, and no other
  expect((await Promise.all(answers)).join('')).not.toContain('demo-google-home-token')
})

test('hides a token that is shown, on request and by itself', async () => {
  const page = await open()
  await page.clock.install()
  await signIn(page)
  const shown = page.getByText('demo-google-home-token')
  await page.getByRole('button', { name: `Show ${homeToken}` }).click()
  await shown.waitFor()
  await page.getByRole('button', { name: `Hide ${homeToken}` }).click()
  await shown.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: `Show ${homeToken}` }).click()
  await shown.waitFor()
  await page.clock.fastForward(30_000)
  await shown.waitFor({ state: 'detached' })
})

test('signs out for good', async () => {
  const page = await open()
  await signIn(page)
  const cookies = await page.context().cookies()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('button', { name: 'Sign in as the demo user' }).waitFor()
  expect(await page.context().cookies()).toEqual([])
  await page.context().addCookies(cookies)
  await page.reload()
  await page.getByRole('button', { name: 'Sign in as the demo user' }).waitFor()
})

describe('what the browser gets to hold', () => {
  test('is a cookie that no script can read, and no credential of the graph', async () => {
    const page = await newPage()
    const bodies: Promise<string>[] = []
    page.on('response', (response) => {
      if (response.status() === 200) bodies.push(response.text())
    })
    await page.goto(example.url)
    await signIn(page)
    expect(await page.evaluate(() => document.cookie)).toBe('')
    expect(await page.context().cookies()).toMatchObject([{ name: 'session', httpOnly: true, sameSite: 'Strict' }])
    const everything = (await Promise.all(bodies)).join('\n')
    expect(everything.match(/Sign in as the demo user|eac_demo_google_home/g)?.length).toBeGreaterThanOrEqual(2)
    // service keys; signed JWTs; the tokens
    expect(everything.match(/tgk_[\w-]{20}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10}|demo-\w+-\w+-token/g)).toBeNull()
  })

  test('comes from the page’s own origin', async () => {
    const page = await newPage()
    const seen = watchPage(page)
    await page.goto(example.url)
    await signIn(page)
    const { host } = new URL(example.url)
    expect(seen.requests.length).toBeGreaterThan(5)
    expect(seen.requests.filter((url) => new URL(url).host !== host)).toEqual([])
  })

  test('does not reach the rest of the repository, nor another name of this machine', async () => {
    const secretFile = await fetch(`${example.url}/@fs${process.cwd()}/package.json`)
    expect(secretFile.status).toBe(403)
    // a name that an attacker points at 127.0.0.1
    const page = await newPage()
    const answered = await page.goto(example.url.replace('127.0.0.1', 'rebound.localhost'))
    expect(answered?.status()).toBe(403)
  })
})
