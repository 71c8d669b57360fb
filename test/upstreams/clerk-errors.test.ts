import { describe, expect, test } from 'vitest'
import { clerkFailure, startClerk } from '../servers/clerk.ts'
import {
  answers,
  cut,
  drip,
  garbage,
  gzipBomb,
  html,
  hugeBody,
  redirects,
  reset,
  silence,
} from '../servers/misbehaviour.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { openClerk } from './support.ts'

describe('every row of the table of docs/platforms/clerk.md section 5', () => {
  test.each([
    [401, 'clerk_key_invalid', 'UPSTREAM_REJECTED', false],
    [401, 'authentication_invalid', 'UPSTREAM_REJECTED', false],
    [404, 'resource_not_found', 'USER_NOT_FOUND', false],
    [404, 'oauth_token_provider_not_enabled', 'PROVIDER_NOT_CONFIGURED', false],
    [400, 'oauth_unsupported_provider', 'PROVIDER_NOT_CONFIGURED', false],
    [422, 'oauth_missing_refresh_token', 'REAUTHORIZATION_REQUIRED', false],
    [400, 'external_account_missing_refresh_token', 'REAUTHORIZATION_REQUIRED', false],
    [422, 'oauth_missing_access_token', 'REAUTHORIZATION_REQUIRED', false],
    [400, 'oauth_token_retrieval_error', 'REAUTHORIZATION_REQUIRED', false],
    [400, 'api_version_invalid', 'UPSTREAM_REJECTED', false],
    [422, 'form_param_value_invalid', 'BAD_USER_INPUT', false, { param_name: 'user_id' }],
    [422, 'form_param_format_invalid', 'BAD_USER_INPUT', false, { param_name: 'provider' }],
    [422, 'form_param_value_invalid', 'UPSTREAM_REJECTED', false, { param_name: 'limit' }],
    [422, 'form_param_unknown', 'UPSTREAM_REJECTED', false, { param_name: 'paginated' }],
    [422, 'form_param_unknown', 'UPSTREAM_REJECTED', false],
    [429, 'too_many_requests', 'UPSTREAM_RATE_LIMITED', true],
    [500, 'internal_clerk_error', 'UPSTREAM_UNAVAILABLE', true],
  ])('%d %s is %s, retryable: %s', async (status, upstream_code, code, retryable, meta?: Record<string, unknown>) => {
    await using server = await startClerk()
    server.misbehave(answers(status, clerkFailure(upstream_code, meta)))
    await using client = openClerk(server)
    const error = await failureOf(client.tokens('user_1', 'oauth_google'))
    expect(error.extensions).toMatchObject({
      code,
      retryable,
      upstream: 'clerk-test',
      upstream_status: status,
      upstream_code,
      trace_id: 'invented-trace-1',
    })
    if (code !== 'UPSTREAM_RATE_LIMITED') expect(error.extensions).not.toHaveProperty('retry_after_ms')
    expect(everythingOf(error)).not.toMatch(/invented-upstream-text|127\.0\.0\.1|sk_live_/)
  })

  test('404 external_account_not_found is an empty list', async () => {
    await using server = await startClerk()
    server.misbehave(answers(404, clerkFailure('external_account_not_found')))
    await using client = openClerk(server)
    expect(await client.tokens('user_1', 'oauth_google')).toEqual([])
  })
})

test('the strict server itself: key, version, user and provider that it does not know', async () => {
  await using server = await startClerk()
  server.addUser('user_1')
  const codeWith = async (given: object, user_id = 'user_1', provider = 'oauth_google'): Promise<unknown> => {
    await using client = openClerk(server, given)
    const { code, upstream_code } = (await failureOf(client.tokens(user_id, provider))).extensions
    return [code, upstream_code]
  }
  expect(await codeWith({ secret_key: 'sk_live_invented_other' })).toEqual(['UPSTREAM_REJECTED', 'clerk_key_invalid'])
  expect(await codeWith({ api_version: '1999-01-01' })).toEqual(['UPSTREAM_REJECTED', 'api_version_invalid'])
  expect(await codeWith({}, 'user_nobody')).toEqual(['USER_NOT_FOUND', 'resource_not_found'])
  expect(await codeWith({}, 'user_1', 'oauth_unheard_of')).toEqual([
    'PROVIDER_NOT_CONFIGURED',
    'oauth_token_provider_not_enabled',
  ])
})

describe('oauth_token_retrieval_error by meta.provider_error', () => {
  test.each([
    ['oauth2: "invalid_grant" "Token has been expired or revoked."', 'REAUTHORIZATION_REQUIRED'],
    ['the token was revoked by the user', 'REAUTHORIZATION_REQUIRED'],
    ['Token expired, please generate another', 'REAUTHORIZATION_REQUIRED'],
    ['', 'REAUTHORIZATION_REQUIRED'],
    ['oauth2: "server_error"', 'UPSTREAM_UNAVAILABLE'],
    ['oauth2: "temporarily_unavailable" "session store expired"', 'UPSTREAM_UNAVAILABLE'],
    ['rate limit exceeded', 'UPSTREAM_UNAVAILABLE'],
    ['context deadline exceeded', 'UPSTREAM_UNAVAILABLE'],
  ])('%j is %s', async (provider_error, code) => {
    await using server = await startClerk()
    server.misbehave(answers(400, clerkFailure('oauth_token_retrieval_error', { provider_error })))
    await using client = openClerk(server)
    const error = await failureOf(client.tokens('user_1', 'oauth_google'))
    expect(error.code).toBe(code)
    if (provider_error !== '') expect(everythingOf(error)).not.toContain(provider_error)
  })

  test.each([[{}], [{ provider_error: 7 }], [null], ['text']])('meta %j counts as absent', async (meta) => {
    await using server = await startClerk()
    server.misbehave(answers(400, { errors: [{ code: 'oauth_token_retrieval_error', meta }] }))
    await using client = openClerk(server)
    expect(await failureOf(client.tokens('user_1', 'oauth_google'))).toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' })
  })

  test('meta beside errors is read, too', async () => {
    await using server = await startClerk()
    const body = { errors: [{ code: 'oauth_token_retrieval_error' }], meta: { provider_error: 'server_error' } }
    server.misbehave(answers(400, body))
    await using client = openClerk(server)
    expect(await failureOf(client.tokens('user_1', 'oauth_google'))).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  })
})

describe('a status without a documented code', () => {
  test.each([
    [400, 'UPSTREAM_REJECTED'],
    [401, 'UPSTREAM_REJECTED'],
    [403, 'UPSTREAM_REJECTED'],
    [404, 'UPSTREAM_PROTOCOL_ERROR'],
    [408, 'UPSTREAM_UNAVAILABLE'],
    [422, 'UPSTREAM_REJECTED'],
    [429, 'UPSTREAM_RATE_LIMITED'],
    [500, 'UPSTREAM_UNAVAILABLE'],
    [502, 'UPSTREAM_UNAVAILABLE'],
    [503, 'UPSTREAM_UNAVAILABLE'],
    [504, 'UPSTREAM_UNAVAILABLE'],
    [524, 'UPSTREAM_UNAVAILABLE'],
  ])('%d is %s', async (status, code) => {
    await using server = await startClerk()
    await using client = openClerk(server)
    for (const body of [
      '<html>invented-page</html>',
      [],
      { errors: [] },
      clerkFailure('invented_code'),
      clerkFailure('constructor'),
    ]) {
      const stop = server.misbehave(answers(status, body))
      const error = await failureOf(client.tokens('user_1', 'oauth_google'))
      stop()
      expect(error.extensions).toMatchObject({ code, upstream_status: status })
    }
  })
})

test.each([
  ['7', 7000],
  ['0', 0],
  [undefined, 1000],
])('429 with Retry-After %s: retry_after_ms is %d', async (header, retry_after_ms) => {
  await using server = await startClerk()
  server.misbehave(
    answers(429, clerkFailure('too_many_requests'), header === undefined ? {} : { 'retry-after': header }),
  )
  await using client = openClerk(server)
  const { extensions } = await failureOf(client.tokens('user_1', 'oauth_google'))
  expect(extensions).toMatchObject({ code: 'UPSTREAM_RATE_LIMITED', retryable: true, retry_after_ms })
})

test('the trace id falls back to cf-ray; a trace id or code that is no identifier is dropped', async () => {
  await using server = await startClerk()
  await using client = openClerk(server)
  const extensionsOf = async (body: unknown, ray: string) => {
    const stop = server.misbehave(answers(500, body, { 'cf-ray': ray }))
    const { extensions } = await failureOf(client.tokens('user_1', 'oauth_google'))
    stop()
    return extensions
  }
  expect(await extensionsOf({ errors: [{ code: 'internal_clerk_error' }] }, 'ray-1')).toMatchObject({
    upstream_code: 'internal_clerk_error',
    trace_id: 'ray-1',
  })
  // A code that is in no list of the platform may be anything.
  expect(Object.keys(await extensionsOf({ errors: [{ code: 'a' }] }, 'ray-1'))).not.toContain('upstream_code')
  expect(await extensionsOf({ errors: [{ code: 'a' }], clerk_trace_id: 'x y' }, 'ray-2')).toMatchObject({
    trace_id: 'ray-2',
  })
  const odd = await extensionsOf({ errors: [{ code: 'see https://x.invalid' }], clerk_trace_id: {} }, 'a b')
  expect(Object.keys(odd).sort()).toEqual(['code', 'retryable', 'upstream', 'upstream_status'])
})

describe('a broken upstream is a coded error without its words', () => {
  test.each([
    ['HTML', html(), 'UPSTREAM_PROTOCOL_ERROR'],
    ['a redirect', redirects('https://elsewhere.invalid/'), 'UPSTREAM_PROTOCOL_ERROR'],
    ['a huge body', hugeBody, 'UPSTREAM_PROTOCOL_ERROR'],
    ['a gzip bomb', gzipBomb, 'UPSTREAM_PROTOCOL_ERROR'],
    ['garbage', garbage, 'UPSTREAM_PROTOCOL_ERROR'],
    ['a reset', reset, 'UPSTREAM_UNAVAILABLE'],
    ['a cut', cut, 'UPSTREAM_UNAVAILABLE'],
    ['silence', silence, 'UPSTREAM_TIMEOUT'],
    ['a drip', drip, 'UPSTREAM_TIMEOUT'],
  ])('%s', async (_, fault, code) => {
    await using server = await startClerk()
    server.misbehave(fault)
    await using client = openClerk(server, { timeout_ms: code === 'UPSTREAM_TIMEOUT' ? 100 : 5000 })
    for (const request of [() => client.tokens('user_1', 'oauth_google'), () => client.account('user_1')]) {
      const error = await failureOf(request())
      expect(error.extensions).toMatchObject({ code, upstream: 'clerk-test' })
      expect(everythingOf(error)).not.toMatch(/invented|127\.0\.0\.1|user_1|sk_live_/)
    }
  })
})
