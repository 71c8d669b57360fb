import { describe, expect, test } from 'vitest'
import { randomFrom, seed } from '../kit/random.ts'
import { fine, startLocal } from '../servers/local.ts'
import { answers, holds } from '../servers/misbehaviour.ts'
import { startStrict } from '../servers/strict-rate.ts'
import { call, callWithin } from '../kit/call.ts'
import { failureOf } from '../kit/errors.ts'
import { openTestHttp, spec } from './support.ts'

const times = <T>(count: number, what: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => what(n))

const random = randomFrom(seed)

describe.concurrent('a rate limit (docs/promises.md R7)', () => {
  test('is never exceeded, in any span, and every request that has the time is answered', async () => {
    await using server = await startStrict({ requests: 20, per_ms: 500 })
    await using http = openTestHttp(server.url, { concurrency: 8, rate: { requests: 20, perSeconds: 0.5 } })
    const answered = await Promise.all(times(90, () => http.request(spec, call())))
    expect(answered.map(({ status }) => status)).toEqual(times(90, () => 200))
    expect([server.excess, server.calls.length]).toEqual([0, 90])
  })

  test('is kept when requests take long and come back in any order', async () => {
    await using server = await startStrict({ requests: 5, per_ms: 300 })
    await using http = openTestHttp(server.url, { concurrency: 5, rate: { requests: 5, perSeconds: 0.3 } })
    server.misbehave(async (): Promise<'proceed'> => {
      await new Promise((resolve) => setTimeout(resolve, random() * 200))
      return 'proceed'
    })
    await Promise.all(times(25, () => http.request(spec, call())))
    expect([server.excess, server.calls.length]).toEqual([0, 25])
  })

  test('what cannot start before its deadline is refused at once, with the time to wait, and is never sent', async () => {
    await using server = await startStrict({ requests: 3, per_ms: 60_000 })
    await using http = openTestHttp(server.url, { rate: { requests: 3, perSeconds: 60 }, timeoutMs: 10_000 })
    await Promise.all(times(3, () => http.request(spec, call())))
    const started = performance.now()
    const error = await failureOf(http.request(spec, call()))
    expect(performance.now() - started).toBeLessThan(1000)
    expect(error.extensions).toMatchObject({ code: 'UPSTREAM_RATE_LIMITED', retryable: true })
    expect(error.extensions.retry_after_ms).toBeGreaterThan(50_000)
    expect(error.extensions.retry_after_ms).toBeLessThanOrEqual(61_000)
    expect(http.events.at(-1)).toMatchObject({ outcome: 'refused', operation: 'test.thing' })
    expect(server.calls).toHaveLength(3)
  })

  test('the deadline of the caller counts, not only that of the upstream', async () => {
    await using server = await startStrict({ requests: 1, per_ms: 1000 })
    await using http = openTestHttp(server.url, { rate: { requests: 1, perSeconds: 1 } })
    await http.request(spec, call())
    const soon = http.request(spec, callWithin(200))
    expect(await failureOf(soon)).toMatchObject({ code: 'UPSTREAM_RATE_LIMITED' })
    expect((await http.request(spec, callWithin(4000))).status).toBe(200)
    expect(server.excess).toBe(0)
  })

  test('a viewer with many keys does not delay viewers with few', async () => {
    await using server = await startStrict({ requests: 4, per_ms: 250 })
    await using http = openTestHttp(server.url, { concurrency: 4, rate: { requests: 4, perSeconds: 0.25 } })
    const order: string[] = []
    const ask = async (viewer: string) => {
      await http.request(spec, { ...call(), viewer })
      order.push(viewer)
    }
    const greedy = times(40, () => ask('greedy'))
    const modest = times(3, (n) => ask(`modest ${String(n)}`))
    await Promise.all(modest)
    expect(order.length).toBeLessThanOrEqual(16)
    await Promise.all(greedy)
    expect(server.excess).toBe(0)
  })

  test('a request that others push back is refused before its deadline', async () => {
    await using server = await startStrict({ requests: 1, per_ms: 300 })
    await using http = openTestHttp(server.url, { concurrency: 1, rate: { requests: 1, perSeconds: 0.3 } })
    await http.request({ ...spec, template: '/first' }, call())
    const soon = { ...callWithin(650), viewer: 'one' }
    const pushed = failureOf(Promise.all(times(2, () => http.request(spec, soon))))
    const others = times(3, (n) => http.request(spec, { ...call(), viewer: `other ${String(n)}` }))
    expect(await pushed).toMatchObject({ code: 'UPSTREAM_RATE_LIMITED' })
    await Promise.all(others)
    expect(server.excess).toBe(0)
  })
})

describe.concurrent('a 429', () => {
  test.each([
    ['seconds', () => ({ 'retry-after': '1' })],
    ['a date', () => ({ 'retry-after': new Date(Date.now() + 2000).toUTCString() })],
    ['X-Retry-After', () => ({ 'x-retry-after': '1' })],
    ['X-RateLimit-Reset', () => ({ 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 1) })],
    ['nothing', () => ({})],
  ])('with %s: no request goes out before that time, and the first one is sent again then', async (_, headers) => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { retries: 1 })
    const arrivals: number[] = []
    server.misbehave(
      () => {
        arrivals.push(performance.now())
        return 'proceed'
      },
      { path: /other/ },
    )
    server.misbehave(answers(429, '', headers()), { times: 1 })
    const first = http.request(spec, call())
    await server.arrived(1)
    await server.calls[0]!.ended
    const refused = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const other = http.request({ ...spec, template: '/other' }, call())
    expect((await first).status).toBe(200)
    expect((await other).status).toBe(200)
    // A date and a reset are cut to whole seconds.
    expect(arrivals[0]! - refused).toBeGreaterThan(700)
  })

  test('that asks for more than a caller can wait refuses the others at once, those in the queue included', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { concurrency: 1 })
    const gate = Promise.withResolvers<undefined>()
    server.misbehave(async (response) => {
      await gate.promise
      return answers(429, '', { 'retry-after': '600' })(response)
    })
    const first = http.request(spec, call())
    await server.arrived(1)
    const queued = failureOf(http.request(spec, call()))
    gate.resolve(undefined)
    expect((await first).status).toBe(429)
    const refusedAt = performance.now()
    await queued
    expect(performance.now() - refusedAt).toBeLessThan(2500)
    for (const refused of [await queued, await failureOf(http.request(spec, call()))]) {
      expect(refused.code).toBe('UPSTREAM_RATE_LIMITED')
      expect(refused.extensions.retry_after_ms).toBeGreaterThan(590_000)
      expect(refused.extensions.retry_after_ms).toBeLessThanOrEqual(600_000)
    }
    expect(server.calls).toHaveLength(1)
    expect(http.state()).toMatchObject({ queued: 0, under_way: 0, breaker: 'closed' })
    expect(http.state().blocked_ms).toBeGreaterThan(590_000)
  })

  test('without a wait blocks no request', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    server.misbehave(answers(429, '', { 'retry-after': '0' }), { times: 1 })
    expect((await http.request(spec, call())).status).toBe(429)
    expect((await http.request(spec, call())).status).toBe(200)
  })
})

test('the state counts requests in flight and in the queue', async () => {
  await using server = await startLocal(fine)
  await using http = openTestHttp(server.url, { concurrency: 2 })
  const gate = Promise.withResolvers<undefined>()
  server.misbehave(holds(gate.promise))
  const requests = times(5, () => http.request(spec, call()))
  await server.arrived(2)
  expect(http.state()).toEqual({ breaker: 'closed', queued: 3, under_way: 2, blocked_ms: 0 })
  gate.resolve(undefined)
  await Promise.all(requests)
  expect(http.state()).toEqual({ breaker: 'closed', queued: 0, under_way: 0, blocked_ms: 0 })
})
