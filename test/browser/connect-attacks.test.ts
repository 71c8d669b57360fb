/**
 * docs/promises.md S15 in Chromium, with a profile each for the attacker and the victim: real cookies, real redirects, and an
 * application at another origin. Nothing is ever kept that the user who began did not finish.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../kit/database.ts'
import { newVerifier, openConnectScene } from '../connect/scene.ts'
import type { Finished, Verifier } from '../connect/scene.ts'
import { checkLooks } from './check-looks.ts'
import { launchChromium } from './chromium.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser.close())

/** The application that the browser comes back to, as another site: `localhost`. */
async function startApplication(): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>app</title><h1>The application</h1>')
  })
  await new Promise<void>((resolve) => server.listen(0, resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://localhost:${String((server.address() as AddressInfo).port)}/settings`
}

interface Person {
  readonly user: string
  readonly context: BrowserContext
  readonly page: Page
}

interface Begun extends Verifier {
  readonly id: string
  readonly url: string
}

async function open() {
  const returnTo = await startApplication()
  const scene = await openConnectScene({ connect: { return_to: [returnTo] } })
  scene.provider.showsPage = true
  async function newPerson(user: string): Promise<Person> {
    const context = await browser.newContext()
    onTestFinished(() => context.close())
    return { user, context, page: await context.newPage() }
  }
  return {
    scene,
    returnTo,
    newPerson,
    async begin({ user }: Person): Promise<Begun> {
      const proof = newVerifier()
      const { data } = await scene.app(user).start({ return_to: returnTo, code_challenge: proof.challenge })
      const { connection_request_id: id, authorization_url: url } = data!.start_connection
      return { ...proof, id, url }
    },
    /** As the application of the person does it, with the verifier of the person's session. */
    async finish({ user }: Person, at: string, { verifier }: Verifier): Promise<Finished | string> {
      const query = new URL(at).searchParams
      const { data, errors } = await scene.app(user).finish({
        connection_request_id: query.get('connection_request_id') ?? '',
        completion_code: query.get('completion_code') ?? '',
        code_verifier: verifier,
      })
      return errors?.[0]?.message ?? data!.finish_connection
    },
    kept(): readonly string[] {
      using file = new DatabaseSync(scene.vaultPath, { readOnly: true, timeout: 5000 })
      return file
        .prepare('SELECT user_id FROM accounts ORDER BY user_id')
        .all()
        .map(({ user_id }) => String(user_id))
    },
    /** As if so many milliseconds had gone by. */
    goBy(ms: number): void {
      using file = openDatabase(scene.vaultPath)
      file.exec(
        `UPDATE connect_requests SET expires_at_ms = expires_at_ms - ${String(ms)}, completion_until_ms = completion_until_ms - ${String(ms)}`,
      )
    },
  }
}

/** Stops at the page of the provider; its link is the callback, which an attacker may take along. */
async function stopAtCallback({ page }: Pick<Person, 'page'>, url: string): Promise<string> {
  await page.goto(url)
  return (await page.getByRole('link', { name: 'Allow' }).getAttribute('href'))!
}

async function allow({ page }: Pick<Person, 'page'>, url: string): Promise<string> {
  await stopAtCallback({ page }, url)
  await page.getByRole('link', { name: 'Allow' }).click()
  await page.getByRole('heading', { name: 'The application' }).waitFor()
  return page.url()
}

const noRequest = 'connection_request_id is no connection request of this user.'
const noProof = 'completion_code and code_verifier do not belong to this connection request.'

test('the honest way', async () => {
  const { newPerson, begin, finish, kept, returnTo } = await open()
  const person = await newPerson('user_1')
  const begun = await begin(person)
  const at = await allow(person, begun.url)
  expect(at.startsWith(`${returnTo}?`)).toBe(true)
  expect(await finish(person, at, begun)).toMatchObject({ status: 'CONNECTED' })
  expect(kept()).toEqual(['user_1'])
  expect(await person.context.cookies()).toEqual([])
})

test('the attacker starts, the victim finishes', async () => {
  const { newPerson, begin, finish, kept } = await open()
  const [attacker, victim] = [await newPerson('attacker'), await newPerson('victim')]
  const begun = await begin(attacker)
  const at = await allow(victim, begun.url)
  expect(at).toContain('completion_code=')
  expect(await finish(victim, at, newVerifier())).toBe(noRequest)
  expect(await finish(attacker, `${new URL(at).origin}/?connection_request_id=${begun.id}`, begun)).toBe(noProof)
  expect(kept()).toEqual([])
})

test("the victim starts, and the attacker's code comes in", async () => {
  const { newPerson, begin, kept } = await open()
  const [attacker, victim] = [await newPerson('attacker'), await newPerson('victim')]
  const own = await begin(victim)
  await stopAtCallback(victim, own.url)
  const planted = await stopAtCallback(attacker, (await begin(attacker)).url)
  await victim.page.goto(planted)
  await victim.page.getByRole('heading', { name: 'This was begun in another browser' }).waitFor()
  expect(kept()).toEqual([])
})

test('a planted cookie lets the callback of the attacker through, and the end is still refused', async () => {
  const { newPerson, begin, finish, kept } = await open()
  const [attacker, victim] = [await newPerson('attacker'), await newPerson('victim')]
  const own = await begin(victim)
  const callback = await stopAtCallback(attacker, (await begin(attacker)).url)
  await victim.context.addCookies(await attacker.context.cookies())
  await victim.page.goto(callback)
  const at = victim.page.url()
  expect(at).toContain('completion_code=')
  expect(await finish(victim, at, own)).toBe(noRequest)
  expect(kept()).toEqual([])
})

test('the callback again, in the same browser and in another', async () => {
  const { newPerson, begin, finish, kept } = await open()
  const [person, other] = [await newPerson('user_1'), await newPerson('user_2')]
  const begun = await begin(person)
  const callback = await stopAtCallback(person, begun.url)
  const cookies = await person.context.cookies()
  await person.page.goto(callback)
  const at = person.page.url()
  for (const { context, page } of [person, other]) {
    await context.addCookies(cookies)
    await page.goto(callback)
    await page.getByRole('heading', { name: 'This connection has ended' }).waitFor()
  }
  expect(await finish(person, at, begun)).toMatchObject({ status: 'CONNECTED' })
  expect(kept()).toEqual(['user_1'])
})

test('a second browser takes over when it opens the link, and the first one is refused', async () => {
  const { newPerson, begin, finish, kept } = await open()
  const [first, second] = [await newPerson('user_1'), await newPerson('user_1')]
  const begun = await begin(first)
  const early = await stopAtCallback(first, begun.url)
  const late = await stopAtCallback(second, begun.url)
  await first.page.goto(early)
  await first.page.getByRole('heading', { name: 'This was begun in another browser' }).waitFor()
  await second.page.goto(late)
  expect(await finish(second, second.page.url(), begun)).toMatchObject({ status: 'CONNECTED' })
  expect(kept()).toEqual(['user_1'])
})

test('the user comes back late, and the link is opened late', async () => {
  const { newPerson, begin, goBy, kept } = await open()
  const person = await newPerson('user_1')
  const begun = await begin(person)
  const callback = await stopAtCallback(person, begun.url)
  goBy(600_000)
  for (const address of [callback, begun.url]) {
    await person.page.goto(address)
    await person.page.getByRole('heading', { name: 'This connection has ended' }).waitFor()
  }
  expect(kept()).toEqual([])
})

test('the back button after the end, a link opened twice at once, and two tabs', async () => {
  const { newPerson, begin, finish, kept } = await open()
  const person = await newPerson('user_1')
  const begun = await begin(person)
  const at = await allow(person, begun.url)
  expect(await finish(person, at, begun)).toMatchObject({ status: 'CONNECTED' })
  await person.page.goBack()
  await person.page.getByRole('link', { name: 'Allow' }).click()
  await person.page.getByRole('heading', { name: 'This connection has ended' }).waitFor()
  expect(await finish(person, at, begun)).toMatchObject({ status: 'CONNECTED' })

  const [one, two] = [await begin(person), await begin(person)]
  const tab = await person.context.newPage()
  const [first, second] = await Promise.all([allow(person, one.url), allow({ page: tab }, two.url)])
  expect(await finish(person, first, one)).toMatchObject({ status: 'CONNECTED' })
  expect(await finish(person, second, two)).toMatchObject({ status: 'CONNECTED' })
  expect(kept()).toEqual(['user_1'])
})

test('the pages break no rule of axe, fit, and have contrast', async () => {
  const { newPerson, begin, goBy, scene } = await open()
  const person = await newPerson('user_1')
  const begun = await begin(person)
  const callback = await stopAtCallback(person, begun.url)
  const context = await browser.newContext({ bypassCSP: true })
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const check = async (address: string, heading: string): Promise<void> => {
    await page.goto(address)
    await page.getByRole('heading', { name: heading }).waitFor()
    await checkLooks(page, heading)
  }
  await check(callback, 'This was begun in another browser')
  await check(`${scene.publicUrl}/connect/${'x'.repeat(43)}`, 'This link leads nowhere')
  goBy(600_000)
  await check(begun.url, 'This connection has ended')
})
