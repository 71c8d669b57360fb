/** Every row of Clerk's error table, as a Clerk that really answers so, and what the caller sees of it. */
import { describe, expect, it } from 'vitest'
import { clerkFailure } from '../servers/clerk.ts'
import { answers, drip, hugeBody, html, redirects, reset } from '../servers/misbehaviour.ts'
import type { Misbehaviour } from '../servers/misbehaviour.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

interface Row {
  readonly status: number
  readonly code: string
  readonly meta?: Record<string, unknown>
  readonly headers?: Record<string, string>
  readonly expected: { readonly code: string; readonly retryable: boolean; readonly retry_after_ms?: number }
}

const no = (code: string) => ({ code, retryable: false })
const later = (code: string) => ({ code, retryable: true })
const retrieval = (provider_error: string) => ({
  status: 400,
  code: 'oauth_token_retrieval_error',
  meta: { provider_error },
})

const table: readonly Row[] = [
  { status: 401, code: 'clerk_key_invalid', expected: no('UPSTREAM_REJECTED') },
  { status: 401, code: 'authentication_invalid', expected: no('UPSTREAM_REJECTED') },
  { status: 404, code: 'resource_not_found', expected: no('USER_NOT_FOUND') },
  { status: 404, code: 'oauth_token_provider_not_enabled', expected: no('PROVIDER_NOT_CONFIGURED') },
  { status: 400, code: 'oauth_unsupported_provider', expected: no('PROVIDER_NOT_CONFIGURED') },
  { status: 422, code: 'oauth_missing_refresh_token', expected: no('REAUTHORIZATION_REQUIRED') },
  { status: 400, code: 'external_account_missing_refresh_token', expected: no('REAUTHORIZATION_REQUIRED') },
  { status: 422, code: 'oauth_missing_access_token', expected: no('REAUTHORIZATION_REQUIRED') },
  { status: 400, code: 'oauth_token_retrieval_error', expected: no('REAUTHORIZATION_REQUIRED') },
  {
    ...retrieval('oauth2: "invalid_grant" "Token has been expired or revoked."'),
    expected: no('REAUTHORIZATION_REQUIRED'),
  },
  { ...retrieval('oauth2: "temporarily_unavailable"'), expected: later('UPSTREAM_UNAVAILABLE') },
  { ...retrieval('oauth2: "server_error"'), expected: later('UPSTREAM_UNAVAILABLE') },
  { status: 400, code: 'api_version_invalid', expected: no('UPSTREAM_REJECTED') },
  { status: 422, code: 'form_param_value_invalid', expected: no('BAD_USER_INPUT') },
  {
    status: 429,
    code: 'too_many_requests',
    headers: { 'retry-after': '7' },
    expected: { ...later('UPSTREAM_RATE_LIMITED'), retry_after_ms: 7000 },
  },
  { status: 500, code: 'internal_clerk_error', expected: later('UPSTREAM_UNAVAILABLE') },
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

describe.each(table)('$status $code $meta', ({ status, code, meta, headers, expected }) => {
  it(`is ${expected.code} to the caller`, async () => {
    const extensions = await failWith(answers(status, clerkFailure(code, meta), headers))
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
  ['a body without end', hugeBody, 'UPSTREAM_PROTOCOL_ERROR'],
  ['a redirect', redirects('https://elsewhere.invalid/'), 'UPSTREAM_PROTOCOL_ERROR'],
  ['a reset connection', reset, 'UPSTREAM_UNAVAILABLE'],
  ['one byte at a time', drip, 'UPSTREAM_TIMEOUT'],
] as const)('%s', (_, how, code) => {
  it(`is ${code} to the caller`, async () => {
    expect(await failWith(how, { timeout_ms: 1500 })).toMatchObject({
      code,
      upstream: 'clerk',
      provider: 'oauth_google',
    })
  })
})
