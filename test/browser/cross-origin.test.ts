/** A page of another origin can neither send an operation nor read an answer (docs/promises.md S5). */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { DEMO_USER } from '../../src/development/demo.ts'
import { startDevelopment } from '../clients/development.ts'
import type { DevelopmentServer } from '../clients/development.ts'
import { attack } from './attack.ts'
import { launchChromium } from './chromium.ts'
import { startExampleServer } from './example-server.ts'
import type { ExampleServer } from './example-server.ts'
import { startHostileServer } from './hostile-page.ts'
import type { HostileServer } from './hostile-page.ts'
import { watchTraffic } from './watch-traffic.ts'

/** Of polls; the machine may be busy. */
const patient = { timeout: 20_000 }

const start = JSON.stringify({
  query:
    'mutation Stolen { start_connection(input: {provider: "slack", return_to: "http://127.0.0.1:1/", code_challenge: "a"}) { authorization_url } }',
})

const sites = ['sameSite', 'crossSite'] as const

let browser: Browser
let hostile: HostileServer

beforeAll(async () => {
  ;[browser, hostile] = await Promise.all([launchChromium(), startHostileServer()])
})

afterAll(async () => {
  await browser.close()
  await hostile[Symbol.asyncDispose]()
})

async function newPage(): Promise<Page> {
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  return context.newPage()
}

/** Operations that the graph parsed, by the name that only these tests use. */
function countStolen(logged: readonly string[]): number {
  return logged.filter((line) => line.includes('"operation_name":"Stolen"')).length
}

interface RequestLine {
  readonly msg: string
  readonly method: string
  readonly status: number
}

function requestsIn(logged: readonly string[]): RequestLine[] {
  return logged.map((line) => JSON.parse(line) as RequestLine).filter(({ msg }) => msg === 'request')
}

describe('the development server', () => {
  let server: DevelopmentServer
  let target: { url: string; body: string; authorization: string }

  beforeAll(async () => {
    server = await startDevelopment()
    const query = `query Stolen { user(id: "${DEMO_USER}") { oauth_access_tokens(provider: "google") { token } } }`
    const body = JSON.stringify({ query, operationName: 'Stolen' })
    target = { url: server.graph, body, authorization: `Bearer ${server.key}` }
  })

  afterAll(() => server[Symbol.asyncDispose]())

  test.each(sites)('executes nothing for another origin and tells it nothing: %s', async (site) => {
    const before = requestsIn(server.logged).length
    const stolen = countStolen(server.logged)
    const page = await newPage()
    await page.goto(hostile[site])
    const traffic = watchTraffic(page, server.graph)
    const read = await attack(page, target)
    await expect.poll(() => traffic.open, patient).toBe(0)
    expect(Object.entries(read).filter(([, text]) => text !== null)).toEqual([])
    expect(Object.keys(read)).toHaveLength(19)

    // They did arrive, and each was refused; a page that may be opened by hand stays unread and unframed.
    const arrived = requestsIn(server.logged).slice(before)
    expect(arrived.filter(({ method }) => method === 'POST').length).toBeGreaterThanOrEqual(8)
    expect(arrived.filter(({ method }) => method === 'OPTIONS').length).toBeGreaterThanOrEqual(2)
    expect(arrived.filter(({ method, status }) => method !== 'GET' && status < 400)).toEqual([])
    expect(countStolen(server.logged)).toBe(stolen)
    const framed = page.frames().filter((frame) => frame !== page.mainFrame())
    expect(framed.filter((frame) => frame.url().startsWith(server.graph))).toEqual([])
  })

  test('the same attempts succeed from its own origin, so that the attempts mean something', async () => {
    const page = await newPage()
    await page.goto(server.graph)
    const stolen = countStolen(server.logged)
    const read = await attack(page, target)
    expect(read['fetch, JSON with a credential']).toContain('demo-google-work-token')
    expect(countStolen(server.logged)).toBeGreaterThan(stolen)
  })
})

describe('the backend of the example page, to a browser that is signed in', () => {
  let example: ExampleServer
  let target: { url: string; body: string }

  beforeAll(async () => {
    example = await startExampleServer()
    const query = 'query Stolen { me { oauth_access_tokens(provider: "google") { token } } }'
    target = { url: `${example.url}/graphql`, body: JSON.stringify({ query, operationName: 'Stolen' }) }
  })

  afterAll(() => example[Symbol.asyncDispose]())

  /** As the page itself would. */
  function send(page: Page, path: string, data?: object) {
    return page.context().request.post(`${example.url}${path}`, { headers: { origin: example.url }, data })
  }

  async function signIn(): Promise<Page> {
    const page = await newPage()
    expect((await send(page, '/session')).status()).toBe(204)
    return page
  }

  test.each(sites)('passes nothing on for another origin: %s', async (site) => {
    const page = await signIn()
    await page.goto(hostile[site])
    const passedOn = requestsIn(example.logged).length
    const traffic = watchTraffic(page, example.url)
    const read = await attack(page, target)
    await expect.poll(() => traffic.open, patient).toBe(0)
    expect(Object.entries(read).filter(([, text]) => text !== null)).toEqual([])
    expect(requestsIn(example.logged).length).toBe(passedOn)
    // The cookie is no protection here: a site has no port.
    const cookies = await Promise.all(traffic.requests.map(async (request) => (await request.allHeaders()).cookie))
    expect(cookies.some((cookie) => cookie?.startsWith('session='))).toBe(site === 'sameSite')
  })

  test.each(sites)('neither ends the session nor connects an account for another origin: %s', async (site) => {
    const page = await signIn()
    const cookies = await page.context().cookies()
    const begun = requestsIn(example.logged).length
    for (const path of ['/session', '/graphql']) {
      const url = `${example.url}${path}`
      await page.goto(hostile[site])
      const traffic = watchTraffic(page, url)
      await attack(page, { url, body: start })
      await page.evaluate((address) => fetch(address, { method: 'DELETE', credentials: 'include' }).catch(() => 0), url)
      await expect.poll(() => traffic.open, patient).toBe(0)
    }
    expect(await page.context().cookies()).toEqual(cookies)
    expect(requestsIn(example.logged).length).toBe(begun)
    const query = '{ me { oauth_connection(provider: "slack") { status } } }'
    expect(await (await send(page, '/graphql', { query })).json()).toEqual({
      data: { me: { oauth_connection: { status: 'REAUTHORIZATION_REQUIRED' } } },
    })
  })

  test('the same attempts succeed from its own origin, so that the attempts mean something', async () => {
    const page = await signIn()
    await page.goto(`${example.url}/src/style.css`)
    const read = await attack(page, target)
    expect(read['fetch, JSON']).toContain('demo-google-work-token')
    expect(countStolen(example.logged)).toBeGreaterThan(0)
  })
})
