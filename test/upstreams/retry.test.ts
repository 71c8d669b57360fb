import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  backoffMs,
  createRetryBudget,
  parseRetryAfter,
  rateLimitMs,
  retryAfterMs,
} from '../../src/upstreams/http/resilience.ts'
import { call } from '../kit/call.ts'
import { failureOf } from '../kit/errors.ts'
import { fine, startLocal } from '../servers/local.ts'
import { answers, cut, reset } from '../servers/misbehaviour.ts'
import { openTestHttp, spec } from './support.ts'

describe('what is sent again', () => {
  test.each([
    [429, answers(429, '', { 'retry-after': '0' })],
    [502, answers(502, '')],
    [503, answers(503, '')],
    [504, answers(504, '')],
    ['a reset', reset],
    ['a cut', cut],
  ])('%s: a GET, until it succeeds', async (_, fault) => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { retries: 2 })
    server.misbehave(fault, { times: 2 })
    expect((await http.request(spec, call())).status).toBe(200)
    expect(http.events.map(({ outcome }) => outcome)).toEqual(['error', 'error', 'ok'])
  })

  test.each([400, 401, 403, 404, 409, 422, 500, 501])('%d: never', async (status) => {
    await using server = await startLocal(() => ({ status, body: {} }))
    await using http = openTestHttp(server.url, { retries: 2 })
    expect((await http.request(spec, call())).status).toBe(status)
    expect(server.calls).toHaveLength(1)
  })

  test.each([
    ['POST', undefined, 1],
    ['PATCH', undefined, 1],
    ['GET', false, 1],
    ['POST', true, 3],
  ] as const)('%s, idempotent %s: %d requests', async (method, idempotent, count) => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { retries: 2 })
    server.misbehave(answers(503, ''))
    await http.request({ ...spec, method, ...(idempotent !== undefined && { idempotent }) }, call())
    expect(server.calls).toHaveLength(count)
  })

  test('a POST whose answer was lost is never repeated', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { retries: 2 })
    server.misbehave(reset)
    const lost = http.request({ ...spec, method: 'POST', body: { form: [['grant_type', 'invented']] } }, call())
    expect(await failureOf(lost)).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
    expect(server.calls).toHaveLength(1)
  })
})

describe('when', () => {
  test('not before the platform allows it', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { retries: 2 })
    server.misbehave(answers(503, '', { 'retry-after': '1' }), { times: 1 })
    const started = performance.now()
    expect((await http.request(spec, call())).status).toBe(200)
    expect(performance.now() - started).toBeGreaterThanOrEqual(995)
  })

  test('not where the deadline would pass first: the answer is given at once', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { retries: 2, timeoutMs: 3000 })
    server.misbehave(answers(503, '', { 'retry-after': '3' }))
    const started = performance.now()
    expect((await http.request(spec, call())).status).toBe(503)
    expect(performance.now() - started).toBeLessThan(2500)
    expect(server.calls).toHaveLength(1)
  })

  test('the delay is anything below a bound that doubles', () => {
    const bounds = [100, 200, 400, 800, 1600, 2000, 2000]
    for (const [retries, bound] of bounds.entries()) {
      const delays = Array.from({ length: 500 }, () => backoffMs(retries))
      expect(Math.max(...delays)).toBeLessThan(bound)
      expect(Math.min(...delays)).toBeLessThan(bound / 4)
      expect(new Set(delays).size).toBeGreaterThan(30)
    }
  })
})

describe('the budget (docs/promises.md R8)', () => {
  test('a platform that only answers 503 receives at most 1.2 requests for each one', async () => {
    await using server = await startLocal(() => ({ status: 503, body: {} }))
    // The breaker, which would refuse most requests, never opens.
    const breaker = { minimumRequests: 10_000, failureRate: 0.95 }
    await using http = openTestHttp(server.url, { retries: 5, concurrency: 50, breaker })
    const requests = 600
    for (let sent = 0; sent < requests; sent += 100)
      await Promise.all(Array.from({ length: 100 }, () => http.request(spec, call())))
    expect(server.calls.length).toBeLessThanOrEqual(requests * 1.2)
    expect(server.calls.length).toBeGreaterThan(requests)
  })

  test('holds over any time, whenever requests and retries come', () => {
    const step = fc.record({ after_ms: fc.integer({ min: 0, max: 4000 }), requests: fc.integer({ min: 0, max: 40 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = 0
        let requests = 0
        let retries = 0
        const budget = createRetryBudget(() => now)
        for (const { after_ms, requests: more } of steps) {
          now += after_ms
          for (let n = 0; n < more; n++) budget.count()
          requests += more
          while (budget.take()) retries++
        }
        const windows = Math.ceil((now + 1) / 10_000) + 1
        expect(retries).toBeLessThanOrEqual(requests * 0.2 + 3 * windows)
      }),
    )
  })

  test('three retries are left in a quiet time, and come back', () => {
    let now = 0
    const budget = createRetryBudget(() => now)
    budget.count()
    expect([budget.take(), budget.take(), budget.take(), budget.take()]).toEqual([true, true, true, false])
    now = 10_000
    expect(budget.take()).toBe(true)
  })
})

const now = Date.parse('Thu, 01 Jan 2026 00:00:00 GMT')

test.each([
  ['7', 7000],
  ['0', 0],
  [' 7 ', 7000],
  ['-5', 0],
  ['999999999', 3_600_000],
  ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
  ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
  ['Fri, 01 Jan 2027 00:00:00 GMT', 3_600_000],
  ['Thu, 99 Jan 2026 00:00:30 GMT', 1000],
  ['1.5', 1000],
  ['1e3', 1000],
  ['soon', 1000],
  ['', 1000],
  [undefined, 1000],
])('Retry-After %j is %d ms', (value, ms) => {
  expect(parseRetryAfter(value, now)).toBe(ms)
})

const headers = (given: Record<string, string>) => (name: string) => given[name]

test.each([
  [{}, null],
  [{ 'retry-after': '7' }, 7000],
  [{ 'x-retry-after': '7' }, 7000],
  [{ 'retry-after': '1', 'x-retry-after': '7' }, 1000],
  [{ 'retry-after': '1', 'x-ratelimit-reset': String(now / 1000 + 60) }, 1000],
  [{ 'x-ratelimit-reset': String(now / 1000 + 60) }, 60_000],
  [{ 'x-ratelimit-reset': String(now / 1000 - 60) }, 0],
  [{ 'x-ratelimit-reset': '60' }, 60_000],
  [{ 'x-ratelimit-reset': 'soon' }, null],
  // The platform's clock is an hour ahead.
  [{ date: 'Thu, 01 Jan 2026 01:00:00 GMT', 'retry-after': 'Thu, 01 Jan 2026 01:00:05 GMT' }, 5000],
  [{ date: 'Thu, 01 Jan 2026 01:00:00 GMT', 'x-ratelimit-reset': String(now / 1000 + 3605) }, 5000],
  [{ date: 'yesterday', 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' }, 5000],
])('the headers %j ask for %j ms', (given, ms) => {
  expect(retryAfterMs(headers(given), now)).toBe(ms)
  expect(rateLimitMs(headers(given), now)).toBe(ms ?? 1000)
})

test('any value is a whole number of milliseconds within an hour', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.integer().map(String)), (value) => {
      const ms = parseRetryAfter(value, now)
      return Number.isInteger(ms) && ms >= 0 && ms <= 3_600_000
    }),
  )
})
