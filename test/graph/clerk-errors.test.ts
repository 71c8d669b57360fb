/** What the caller sees of an error of Clerk's; the whole table is in test/upstreams/clerk-errors.test.ts. */
import { describe, expect, it } from 'vitest'
import { clerkFailure } from '../servers/clerk.ts'
import { answers, html } from '../servers/misbehaviour.ts'
import type { Misbehaviour } from '../servers/misbehaviour.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

interface Row {
  readonly status: number
  readonly code: string
  readonly headers?: Record<string, string>
  readonly expected: { readonly code: string; readonly retryable: boolean; readonly retry_after_ms?: number }
}

const no = (code: string) => ({ code, retryable: false })
const later = (code: string) => ({ code, retryable: true })

const table: readonly Row[] = [
  { status: 422, code: 'oauth_missing_refresh_token', expected: no('REAUTHORIZATION_REQUIRED') },
  {
    status: 429,
    code: 'too_many_requests',
    headers: { 'retry-after': '7' },
    expected: { ...later('UPSTREAM_RATE_LIMITED'), retry_after_ms: 7000 },
  },
]

const ask = `{ user(id: "user_1") {
  failing: oauth_access_tokens(provider: "google") { token }
  fine: oauth_access_tokens(provider: "github") { token }
} }`

async function failWith(how: Misbehaviour, options: Record<string, unknown> = {}) {
  await using graph = await startGraphOverClerk(options)
  graph.clerk.addTokens('user_1', 'oauth_github', [{ token: 'invented-token-1' }])
  graph.clerk.misbehave(how, { path: /oauth_google$/ })
  const { data, errors = [] } = await graph.server.ask(ask)
  expect(data).toEqual({ user: { failing: null, fine: [{ token: 'invented-token-1' }] } })
  expect(errors).toHaveLength(1)
  expect(errors[0]?.path).toEqual(['user', 'failing'])
  const seen = JSON.stringify(errors) + graph.server.logged.join('')
  expect(seen).not.toContain('invented-upstream-text')
  expect(seen).not.toContain('invented-page-text')
  expect(seen).not.toContain(graph.clerk.url)
  return errors[0]!.extensions
}

describe.each(table)('$status $code', ({ status, code, headers, expected }) => {
  it(`is ${expected.code} to the caller`, async () => {
    const extensions = await failWith(answers(status, clerkFailure(code), headers), { retries: 0 })
    expect(extensions).toMatchObject({
      ...expected,
      upstream: 'clerk',
      provider: 'oauth_google',
      upstream_status: status,
      upstream_code: code,
      trace_id: 'invented-trace-1',
    })
    if (expected.retry_after_ms === undefined) expect(extensions).not.toHaveProperty('retry_after_ms')
  })
})

it('reads an external account that is not there as not connected', async () => {
  await using graph = await startGraphOverClerk()
  graph.clerk.misbehave(answers(404, clerkFailure('external_account_not_found')))
  expect(
    await graph.server.ask('{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }'),
  ).toEqual({
    data: { user: { oauth_access_tokens: [] } },
  })
})

describe.each([
  ['a page of a proxy', html(), 'UPSTREAM_PROTOCOL_ERROR'],
  ['JSON of another shape', answers(200, [{ object: 'oauth_access_token', token: 7 }]), 'UPSTREAM_PROTOCOL_ERROR'],
] as const)('%s', (_, how, code) => {
  it(`is ${code} to the caller`, async () => {
    expect(await failWith(how)).toMatchObject({
      code,
      upstream: 'clerk',
      provider: 'oauth_google',
    })
  })
})
