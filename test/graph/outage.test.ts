import { expect, test } from 'vitest'
import * as faults from '../servers/misbehaviour.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

const { answers } = faults
const page = '<!doctype html><title>invented-page</title>'

interface Connection {
  readonly status: string
  readonly reason: string | null
  readonly retry_after_ms: number | null
}

/*
 * An outage is no revocation (docs/promises.md R5): whatever a platform in trouble answers, nobody is told to connect again, and
 * everything is as before once it is over.
 */
test.each([
  ['500 without a body', answers(500, '')],
  ['500 with JSON', answers(500, { errors: [] })],
  ['502 with a page', answers(502, page)],
  ['503', answers(503, '')],
  ['503 with a long Retry-After', answers(503, '', { 'retry-after': '3600' })],
  ['504 with a page', answers(504, page)],
  ['520 of a proxy', answers(520, page)],
  ['429 without a word', answers(429, '')],
  ['429 with a Retry-After of a second', answers(429, {}, { 'retry-after': '1' })],
  ['429 with a date', answers(429, '', { 'retry-after': 'Thu, 01 Jan 2099 00:00:00 GMT' })],
  ['408', answers(408, '')],
  ['200 with a page', faults.html()],
  ['200 with an empty body', answers(200, '')],
  ['200 with null', answers(200, null)],
  ['200 with half of the JSON', answers(200, '{"data":[')],
  ['200 with an error in JSON', answers(200, { error: 'bad_refresh_token' })],
  ['a redirect to a login page', faults.redirects('https://login.example.com/')],
  ['a reset', faults.reset],
  ['a cut', faults.cut],
  ['no HTTP', faults.garbage],
  ['headers without end', faults.endlessHeaders],
  ['silence', faults.silence],
])('%s', async (_, fault) => {
  await using graph = await startGraphOverClerk(
    { retries: 0, timeout_ms: fault === faults.silence ? 200 : 5000 },
    { cache: { seconds: 0 } },
  )
  graph.clerk.addTokens('user_1', 'oauth_google')
  const ask = async () => {
    const query = '{ user(id: "user_1") { oauth_connection(provider: "google") { status reason retry_after_ms } } }'
    const { data } = await graph.server.ask<{ user: { oauth_connection: Connection } }>(query)
    return data!.user.oauth_connection
  }
  const takeBack = graph.clerk.misbehave(fault)
  const during = await ask()
  expect(during.status).toMatch(/^(UNAVAILABLE|RATE_LIMITED|MISCONFIGURED)$/)
  expect(during.reason).toMatch(/^UPSTREAM_(UNAVAILABLE|TIMEOUT|PROTOCOL_ERROR|RATE_LIMITED)$/)
  takeBack()
  const sent = graph.clerk.calls.length
  const after = await ask()
  if ((during.retry_after_ms ?? 0) > 5000) {
    // The platform asked for a pause that no caller waits for: until then nothing is sent.
    expect(after.status).toBe('RATE_LIMITED')
    expect(graph.clerk.calls).toHaveLength(sent)
  } else expect(after).toEqual({ status: 'CONNECTED', reason: null, retry_after_ms: null })
})
