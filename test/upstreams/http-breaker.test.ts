import { describe, expect, test } from 'vitest'
import type { RequestSpec } from '../../src/upstreams/http/types.ts'
import { fine, startLocal } from '../servers/local.ts'
import { answers, html, reset, silence } from '../servers/misbehaviour.ts'
import { call, callWithin } from '../kit/call.ts'
import { failureOf } from '../kit/errors.ts'
import { openTestHttp, spec } from './support.ts'

const breaker = { minimumRequests: 5, failureRate: 0.5 }

test.each([
  ['500', answers(500, ''), true],
  ['503', answers(503, ''), true],
  ['a reset', reset, true],
  ['silence', silence, true],
  ['404', answers(404, ''), false],
  ['401', answers(401, ''), false],
  ['422', answers(422, ''), false],
  ['HTML with 200', html(), false],
] as const)('whether ten times %s open the breaker', async (_, fault, opens) => {
  await using server = await startLocal(fine)
  await using http = openTestHttp(server.url, { breaker, timeoutMs: fault === silence ? 50 : 5000 })
  const takeBack = server.misbehave(fault)
  for (let n = 0; n < 10; n++) await http.request(spec, call()).catch(() => undefined)
  expect(http.state().breaker).toBe(opens ? 'open' : 'closed')
  expect(server.calls).toHaveLength(opens ? 5 : 10)
  takeBack()
  if (!opens) return
  const error = await failureOf(http.request(spec, call()))
  expect(error.extensions).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  expect(error.extensions.retry_after_ms).toBeGreaterThan(0)
  expect(http.events.at(-1)).toMatchObject({ outcome: 'refused' })
  // A timer may fire a millisecond before the wall clock that the breaker reads.
  await new Promise((resolve) => setTimeout(resolve, Number(error.extensions.retry_after_ms) + 5))
  expect((await http.request(spec, call())).status).toBe(200)
  expect(http.state().breaker).toBe('closed')
})

test('callers who go away do not open it, however slow the upstream is', async () => {
  await using server = await startLocal(fine)
  await using http = openTestHttp(server.url, { breaker })
  server.misbehave(silence, { times: 10 })
  for (let n = 1; n <= 10; n++) {
    const caller = new AbortController()
    const request = http.request(spec, call(caller.signal))
    await server.arrived(n)
    caller.abort(new Error('gone'))
    await expect(request).rejects.toThrow('gone')
  }
  expect(http.state().breaker).toBe('closed')
  expect((await http.request(spec, call())).status).toBe(200)
})

describe('one provider behind the platform', () => {
  const of = (scope: string): RequestSpec => ({ ...spec, template: `/${scope}`, scope, blame: () => 'provider' })
  const words = (scope: string) => new RegExp(`^/${scope}$`)

  test('has a breaker of its own, and its failures are not sent again', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { breaker, retries: 2 })
    server.misbehave(answers(502, ''), { path: words('google') })
    for (let n = 0; n < 10; n++) await http.request(of('google'), call()).catch(() => undefined)
    expect(server.calls).toHaveLength(5)
    expect((await failureOf(http.request(of('google'), call()))).extensions).toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
    })
    expect((await http.request(of('github'), call())).status).toBe(200)
    expect(http.state().breaker).toBe('closed')
  })

  test('is blocked by its own rate limit, and no other is', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { breaker })
    server.misbehave(answers(429, '', { 'retry-after': '30' }), { path: words('google') })
    await http.request(of('google'), call())
    expect((await failureOf(http.request(of('google'), callWithin(1000)))).extensions).toMatchObject({
      code: 'UPSTREAM_RATE_LIMITED',
      retry_after_ms: expect.closeTo(30_000, -3) as number,
    })
    expect((await http.request(of('github'), call())).status).toBe(200)
    expect(server.calls).toHaveLength(2)
    expect(http.state().blocked_ms).toBe(0)
  })

  test('says nothing about itself while the platform fails', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { breaker })
    const takeBack = server.misbehave(answers(500, ''))
    for (let n = 0; n < 10; n++)
      await http.request({ ...of('google'), blame: () => 'upstream' }, call()).catch(() => undefined)
    expect(http.state().breaker).toBe('open')
    takeBack()
    const { extensions } = await failureOf(http.request(of('google'), call()))
    await new Promise((resolve) => setTimeout(resolve, Number(extensions.retry_after_ms) + 5))
    expect((await http.request(of('google'), call())).status).toBe(200)
  })

  test('however many names callers invent, a few hundred are remembered', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { breaker })
    server.misbehave(answers(429, '', { 'retry-after': '30' }), { path: words('google') })
    await http.request(of('google'), call())
    for (let n = 0; n < 300; n++) await http.request(of(`invented-${n}`), call())
    expect((await http.request(of('google'), call())).status).toBe(429)
  })
})

test('one user whose requests all fail opens no breaker, several do', async () => {
  await using server = await startLocal(fine)
  await using http = openTestHttp(server.url, { breaker: { minimumRequests: 10, failureRate: 0.5 } })
  server.misbehave(answers(500, ''))
  for (let n = 0; n < 50; n++) await http.request({ ...spec, user: 'user_1' }, call())
  expect(http.state().breaker).toBe('closed')
  for (let n = 0; n < 10; n++) await http.request({ ...spec, user: `user_${n}` }, call()).catch(() => undefined)
  expect(http.state().breaker).toBe('open')
})
