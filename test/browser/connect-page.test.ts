/** The example page connects, reconnects and disconnects at the demo provider: everything that it may come to, in Chromium. */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { checkLooks } from './check-looks.ts'
import { launchChromium } from './chromium.ts'
import { startExampleServer } from './example-server.ts'
import type { ExampleServer } from './example-server.ts'
import { watchPage } from './watch-page.ts'

/** The page asks for what lives a minute at least: a refresh comes at the next look. */
const ACCESS_SECONDS = 62

let example: ExampleServer
let browser: Browser
beforeAll(async () => {
  ;[example, browser] = await Promise.all([startExampleServer(ACCESS_SECONDS), launchChromium()])
})
afterAll(async () => {
  await browser.close()
  await example[Symbol.asyncDispose]()
})

async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
  const context = await browser.newContext(options)
  onTestFinished(() => context.close())
  const page = await context.newPage()
  await signIn(page)
  return page
}

async function signIn(page: Page): Promise<void> {
  await page.goto(example.url)
  await page.getByRole('button', { name: 'Sign in as the demo user' }).click()
  await page.getByRole('heading', { name: 'Connected accounts' }).waitFor()
}

const github = (page: Page) => page.getByRole('region', { name: 'GitHub', exact: true })
const outcome = (page: Page) => page.locator('.outcome')

async function consent(page: Page, { person = 'ada', without = [] as readonly string[], allow = true } = {}) {
  await page.getByRole('heading', { name: 'Connect your account to tokengraph?' }).waitFor()
  await page.getByLabel(`${person}@demo.example`).check()
  for (const scope of without) await page.getByLabel(scope).uncheck()
  await page.getByRole('button', { name: allow ? 'Allow' : 'Deny' }).click()
}

/** Whoever a test connects is gone afterwards: an account of the provider belongs to one user, once. */
async function disconnect(page: Page, label: string): Promise<void> {
  await page.getByRole('button', { name: `Disconnect GitHub, ${label}` }).click()
  await page.getByRole('button', { name: 'End the access' }).click()
  await page.getByRole('status').getByText(`Disconnected GitHub, ${label}.`).waitFor()
  await github(page).getByRole('heading', { name: label }).waitFor({ state: 'detached' })
}

const another = { name: 'Connect another account at GitHub' }

test("a newcomer's five minutes: connect, see the token, see it renewed, give it up, see it revoked", async () => {
  const page = await open()
  const seen = watchPage(page)
  await page.getByRole('button', another).click()
  await consent(page)
  await outcome(page).getByRole('heading', { name: 'GitHub is connected' }).waitFor()
  expect(await outcome(page).textContent()).toContain('The account ada@demo.example can be used now.')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('GitHub is connected')
  expect(new URL(page.url()).search).toBe('')
  const account = github(page).getByRole('listitem').filter({ hasText: 'ada@demo.example' })
  const show = page.getByRole('button', { name: 'Show the token of GitHub, ada@demo.example' })
  await show.click()
  const first = await account.getByText(/^demo-grant-\w+-token-\d+$/).textContent()
  // Two seconds later it lives for less than a minute: the page asks again and gets a new one.
  await expect
    .poll(
      async () => {
        await page.getByRole('button', { name: 'Hide the token of GitHub, ada@demo.example' }).click()
        await show.click()
        return account.getByText(/^demo-grant-\w+-token-\d+$/).textContent()
      },
      { timeout: 20_000, interval: 500 },
    )
    .not.toBe(first)
  await page.getByRole('button', { name: 'Disconnect GitHub, ada@demo.example' }).click()
  await page.getByRole('button', { name: 'Keep it' }).click()
  await page.getByRole('button', { name: 'Disconnect GitHub, ada@demo.example' }).click()
  await page.getByRole('button', { name: 'End the access' }).click()
  await page.getByText('Disconnected GitHub, ada@demo.example. The provider has ended the access.').waitFor()
  await account.waitFor({ state: 'detached' })
  expect(seen.errors).toEqual([])
})

test('reconnects the account whose consent is needed', async () => {
  const page = await open()
  await page.getByRole('button', { name: 'Reconnect Slack' }).click()
  await consent(page)
  // The demo account is of nobody of the provider: what it came back with is another one.
  await outcome(page).getByRole('heading', { name: 'That was another account' }).waitFor()
  const slack = page.getByRole('region', { name: 'Slack', exact: true })
  expect(await slack.textContent()).toContain('Status: ! Consent needed')
})

describe('what a connection may come to', () => {
  test('the user says no', async () => {
    const page = await open()
    await page.getByRole('button', another).click()
    await consent(page, { allow: false })
    await outcome(page).getByRole('heading', { name: 'Nothing was connected' }).waitFor()
    await page.getByRole('button', { name: 'Close' }).click()
    await outcome(page).waitFor({ state: 'detached' })
  })

  test('scopes are left out', async () => {
    const page = await open()
    await page.getByRole('button', another).click()
    await consent(page, { person: 'grace', without: ['repo'] })
    await outcome(page).getByText('You did not allow: repo. What needs it will not work.').waitFor()
    await disconnect(page, 'grace@demo.example')
  })

  test('another tab, whose storage has no verifier', async () => {
    const page = await open()
    await page.getByRole('button', another).click()
    await page.getByRole('heading', { name: 'Connect your account to tokengraph?' }).waitFor()
    const tab = await page.context().newPage()
    await tab.goto(page.url())
    await consent(tab)
    await outcome(tab).getByRole('heading', { name: 'This was not begun in this tab' }).waitFor()
  })

  test('the server does not answer the end', async () => {
    const page = await open()
    await page.getByRole('button', another).click()
    await page
      .context()
      .route(`${example.url}/graphql`, (route) =>
        route.request().postData()?.includes('finish_connection') === true ? route.abort() : route.continue(),
      )
    await consent(page)
    await outcome(page).getByRole('heading', { name: 'GitHub could not be connected' }).waitFor()
  })

  test('it took too long', async () => {
    const page = await open()
    await page.getByRole('button', another).click()
    await answerFinish(page.context(), 'EXPIRED')
    await consent(page)
    await outcome(page).getByRole('heading', { name: 'That took too long' }).waitFor()
  })

  test('the account is of another user', async () => {
    const page = await open()
    await page.getByRole('button', another).click()
    await answerFinish(page.context(), 'OWNED_BY_ANOTHER_USER')
    await consent(page)
    await outcome(page).getByRole('heading', { name: 'That account belongs to somebody else here' }).waitFor()
  })
})

/** What the graph answers in a state that a page cannot bring about in a minute. */
async function answerFinish(context: BrowserContext, status: string): Promise<void> {
  await context.route(`${example.url}/graphql`, (route) =>
    route.request().postData()?.includes('finish_connection') === true
      ? route.fulfill({
          json: {
            data: {
              finish_connection: {
                __typename: 'FinishConnectionPayload',
                status,
                missing_scopes: [],
                warnings: [],
                account: null,
              },
            },
          },
        })
      : route.continue(),
  )
}

test('a double click begins one connection, and the back button leads to a page that works', async () => {
  const page = await open()
  const starts: string[] = []
  page.on('request', (request) => {
    if (request.postData()?.includes('start_connection') === true) starts.push(request.url())
  })
  await page.getByRole('button', another).dblclick()
  await page.getByRole('heading', { name: 'Connect your account to tokengraph?' }).waitFor()
  expect(starts).toHaveLength(1)
  await page.goBack()
  await page.getByRole('heading', { name: 'Connected accounts' }).waitFor()
  await page.getByRole('button', another).click()
  await consent(page)
  await outcome(page).getByRole('heading', { name: 'GitHub is connected' }).waitFor()
  await page.reload()
  await page.getByRole('heading', { name: 'Connected accounts' }).waitFor()
  expect(await outcome(page).count()).toBe(0)
  await disconnect(page, 'ada@demo.example')
})

test('the consent page and what comes of it break no rule of axe, fit, and have contrast', async () => {
  const page = await open({ bypassCSP: true })
  await checkLooks(page, 'accounts')
  await page.getByRole('button', { name: 'Disconnect GitHub, demo' }).click()
  await checkLooks(page, 'asking')
  await page.getByRole('button', { name: 'Keep it' }).click()
  await page.getByRole('button', another).click()
  await page.getByRole('heading', { name: 'Connect your account to tokengraph?' }).waitFor()
  await checkLooks(page, 'consent')
  await consent(page, { allow: false })
  await outcome(page).getByRole('heading', { name: 'Nothing was connected' }).waitFor()
  await checkLooks(page, 'denied')
  await page.getByRole('button', another).click()
  await consent(page, { without: ['repo'] })
  await outcome(page).getByRole('heading', { name: 'GitHub is connected' }).waitFor()
  await checkLooks(page, 'connected')
  await disconnect(page, 'ada@demo.example')
})
