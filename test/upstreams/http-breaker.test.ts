import { expect, test } from 'vitest'
import { fine, startLocal } from '../servers/local.ts'
import { answers, html, reset, silence } from '../servers/misbehaviour.ts'
import { call } from '../kit/call.ts'
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
