/** Three times as much as there is capacity for (docs/promises.md R10). */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { responseHeaders } from '../../src/http/policy.ts'
import { startClerk } from '../servers/clerk.ts'
import { holds } from '../servers/misbehaviour.ts'
import { makeFolder } from '../kit/folder.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'
import { askForTokens, configure, measureProcess, startReal } from '../kit/real-server.ts'

const LATENCY_MS = 100
const CONCURRENT = 20
/** Requests in a second that the server can serve. */
const CAPACITY = (CONCURRENT * 1000) / LATENCY_MS
/** How long the load lasts that is measured. */
const SECONDS = 3

interface Outcome {
  readonly status: number
  readonly took_ms: number
  readonly retry_after: string | null
  readonly text: string
}

async function send(url: string, init: RequestInit): Promise<Outcome> {
  const began = performance.now()
  const response = await fetch(`${url}/graphql`, init)
  const text = await response.text()
  const took_ms = performance.now() - began
  return { status: response.status, took_ms, retry_after: response.headers.get('retry-after'), text }
}

/** So many requests in a second, whether or not the earlier ones are answered. */
async function sendAtRate(rate: number, seconds: number, one: (n: number) => Promise<Outcome>): Promise<Outcome[]> {
  const began = performance.now()
  const sent: Promise<Outcome>[] = []
  while (sent.length < rate * seconds) {
    const due = ((performance.now() - began) / 1000) * rate
    while (sent.length < Math.min(due, rate * seconds)) sent.push(one(sent.length))
    await sleep(5)
  }
  return Promise.all(sent)
}

function percentile(outcomes: readonly Outcome[], share: number): number {
  const sorted = outcomes.map(({ took_ms }) => took_ms).sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
}

it('keeps the latency of accepted requests, refuses the others at once, and takes no more memory', async () => {
  using folder = makeFolder()
  await using clerk = await startClerk()
  const users = Array.from({ length: 1000 }, (_, n) => `user_${String(n)}`)
  for (const user of users) clerk.addTokens(user, 'oauth_google')
  clerk.misbehave(async () => {
    await sleep(LATENCY_MS)
    return 'proceed' as const
  })
  const configured = configure(
    folder,
    clerk,
    { limits: { concurrent_requests: CONCURRENT }, cache: { seconds: 0 } },
    // More calls are not sent to the platform at a time: whatever else is accepted waits, and makes others wait.
    { rate: { requests: 1_000_000, per_seconds: 1 }, concurrency: CONCURRENT },
  )
  // With a heap that is not let grow for the sake of speed, memory is what is held; live memory is 50 of these megabytes.
  const { url, process } = await startReal(folder, configured, {
    NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=4',
  })
  await using _stop = process
  const one = (n: number) => send(url, askForTokens(configured, users[n % users.length] ?? ''))

  await sendAtRate(CAPACITY / 4, 1, one)
  const unloaded = await sendAtRate(CAPACITY / 4, 1, one)
  expect(new Set(unloaded.map(({ status }) => status))).toEqual(new Set([200]))
  await sendAtRate(CAPACITY * 3, 2, one)
  const before = measureProcess(process)
  const loaded = await sendAtRate(CAPACITY * 3, SECONDS, one)
  const after = measureProcess(process)
  const accepted = loaded.filter(({ status }) => status === 200)
  const refused = loaded.filter(({ status }) => status === 503)

  expect(accepted.length + refused.length).toBe(loaded.length)
  // What can be served is served: 600 of the 1800, less what a shared machine takes.
  expect(accepted.length).toBeGreaterThan(CAPACITY * SECONDS * 0.2)
  expect(refused.length).toBeGreaterThan(CAPACITY * SECONDS * 0.5)
  expect(percentile(accepted, 0.5)).toBeLessThan(2 * percentile(unloaded, 0.5))
  // Neighbours on a shared machine make the slowest slower; without the bound they would take seconds.
  expect(percentile(accepted, 0.95)).toBeLessThan(4 * percentile(unloaded, 0.95))
  expect(percentile(refused, 0.5)).toBeLessThan(LATENCY_MS / 2)
  expect(after.megabytes - before.megabytes).toBeLessThan(40)
  for (const { retry_after, text } of refused) {
    expect(retry_after).toBe('1')
    expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED', retry_after_ms: 1000 } }] })
  }
})

it('answers probes at capacity, and all requests once there is room', async () => {
  await using graph = await startGraphOverClerk(
    {},
    { limits: { concurrent_requests: 2 }, cors: { origins: ['https://app.example.com'] } },
  )
  const { clerk, server } = graph
  for (const user of ['user_1', 'user_2', 'user_3']) clerk.addTokens(user, 'oauth_google')
  const gate = Promise.withResolvers<undefined>()
  clerk.misbehave(holds(gate.promise))
  const query = (user: string) => `{ user(id: "${user}") { oauth_access_tokens(provider: "google") { token } } }`
  const waiting = [server.ask(query('user_1')), server.ask(query('user_2'))]
  await clerk.arrived(2)

  const origin = 'https://app.example.com'
  const refused = await server.post(JSON.stringify({ query: query('user_3') }), { origin })
  expect(refused.status).toBe(503)
  const { vary: _vary, ...constant } = responseHeaders
  const id = refused.headers.get('x-request-id')
  expect(id).toMatch(/^[\w-]{36}$/)
  expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED', request_id: id } }] })
  expect(Object.fromEntries(refused.headers)).toMatchObject({
    ...constant,
    'retry-after': '1',
    'access-control-allow-origin': origin,
  })
  for (const path of ['/health', '/ready', '/ready?probe=1'])
    expect((await fetch(`${server.url}${path}`)).status).toBe(200)
  // Only a probe passes, whatever the query looks like.
  for (const path of ['/graphql?/ready', '/', '/ready/x'])
    expect((await fetch(`${server.url}${path}`)).status).toBe(503)
  expect(clerk.calls).toHaveLength(2)

  gate.resolve(undefined)
  for (const answer of await Promise.all(waiting)) expect(answer.errors).toBeUndefined()
  expect((await server.ask(query('user_3'))).errors).toBeUndefined()
  expect(server.logged.filter((line) => line.includes('at capacity'))).toHaveLength(1)
})

it('releases the place when the caller goes away', async () => {
  await using graph = await startGraphOverClerk({}, { limits: { concurrent_requests: 1 } })
  const { clerk, server } = graph
  clerk.addTokens('user_1', 'oauth_google')
  const heal = clerk.misbehave(holds(new Promise(() => undefined)))
  const query = '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }'
  const leaving = new AbortController()
  const left = server.ask(query, { signal: leaving.signal }).catch(() => 'left')
  await clerk.arrived(1)
  leaving.abort()
  expect(await left).toBe('left')
  await clerk.calls[0]?.ended
  heal()
  expect((await server.ask(query)).errors).toBeUndefined()
})
