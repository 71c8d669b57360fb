import { describe, expect, test } from 'vitest'
import { nango } from '../../src/upstreams/nango/index.ts'
import { answers } from '../servers/misbehaviour.ts'
import { nangoFailure, startNango } from '../servers/nango.ts'
import type { NangoServer } from '../servers/nango.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { openPlatform } from './open-platform.ts'

const open = (server: NangoServer) => openPlatform(nango, { secret_key: server.secret_key, base_url: server.url })
const credentialsCall = { path: /\/connections\/./ }

const exhausted = 'invented-upstream-text: the refresh limit has been reached'
const backingOff = 'invented-upstream-text: a recent refresh attempt failed. Backing off'

describe('every row of the table of docs/platforms/nango.md section 5', () => {
  test.each([
    [400, 'invalid_query_params', undefined, 'UPSTREAM_REJECTED'],
    [400, 'invalid_uri_params', undefined, 'UPSTREAM_REJECTED'],
    [400, 'unknown_provider_config', undefined, 'PROVIDER_NOT_CONFIGURED'],
    [400, 'invalid_credentials', undefined, 'REAUTHORIZATION_REQUIRED'],
    [400, 'something_new', undefined, 'UPSTREAM_REJECTED'],
    [401, 'missing_auth_header', undefined, 'UPSTREAM_REJECTED'],
    [401, 'invalid_credentials', undefined, 'UPSTREAM_REJECTED'],
    [403, 'forbidden', undefined, 'UPSTREAM_REJECTED'],
    [404, 'something_new', undefined, 'UPSTREAM_PROTOCOL_ERROR'],
    [424, 'invalid_credentials', exhausted, 'REAUTHORIZATION_REQUIRED'],
    [424, 'invalid_credentials', undefined, 'REAUTHORIZATION_REQUIRED'],
    [500, 'server_error', undefined, 'UPSTREAM_UNAVAILABLE'],
  ])('%d %s (%s) is %s', async (status, upstream_code, message, code) => {
    await using server = await startNango()
    server.connect('user_1', 'github')
    server.misbehave(answers(status, nangoFailure(upstream_code, message)), credentialsCall)
    await using client = open(server)
    const error = await failureOf(client.tokens('user_1', 'github'))
    expect(error.extensions).toMatchObject({ code, upstream: 'upstream-test', upstream_status: status })
    expect(error.extensions.upstream_code).toBe(upstream_code === 'something_new' ? undefined : upstream_code)
    expect(everythingOf(error)).not.toMatch(/invented-|127\.0\.0\.1/)
  })

  test('424 while Nango backs off: again in 30 seconds', async () => {
    await using server = await startNango()
    server.connect('user_1', 'github')
    server.misbehave(answers(424, nangoFailure('invalid_credentials', backingOff)), credentialsCall)
    await using client = open(server)
    expect((await failureOf(client.tokens('user_1', 'github'))).extensions).toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
      retryable: true,
      retry_after_ms: 30_000,
    })
  })

  test.each(['not_found', 'unknown_connection'])(
    '404 %s: the connection went away after it was listed',
    async (code) => {
      await using server = await startNango()
      server.connect('user_1', 'github')
      server.misbehave(answers(404, nangoFailure(code)), credentialsCall)
      await using client = open(server)
      expect(await client.tokens('user_1', 'github')).toEqual([])
    },
  )

  test.each([
    ['0', 1000],
    ['3600', 3_600_000],
  ])('429 with Retry-After %s: wait %d ms', async (header, retry_after_ms) => {
    await using server = await startNango()
    server.misbehave(answers(429, nangoFailure('too_many_request'), { 'retry-after': header }))
    await using client = openPlatform(nango, { secret_key: server.secret_key, base_url: server.url, retries: 0 })
    const { extensions } = await failureOf(client.tokens('user_1', 'github'))
    expect(extensions).toMatchObject({ code: 'UPSTREAM_RATE_LIMITED', retry_after_ms })
  })
})

test('a connection whose credentials are broken costs no credentials call', async () => {
  await using server = await startNango()
  server.connect('user_1', 'github', { errors: [{ type: 'auth', log_id: 'l' }] })
  await using client = open(server)
  expect((await failureOf(client.tokens('user_1', 'github'))).code).toBe('REAUTHORIZATION_REQUIRED')
  expect(server.calls).toHaveLength(1)
})

test.each([
  ['the filter, as versions before tags', { code: 'unrecognized_keys', path: [] }, 'UPSTREAM_REJECTED'],
  ['the page', { code: 'invalid_type', path: ['page'] }, 'UPSTREAM_REJECTED'],
  ['the user id', { code: 'too_big', path: ['tags', 'end_user_id'] }, 'BAD_USER_INPUT'],
])('a list that refuses %s', async (_, problem, code) => {
  await using server = await startNango()
  server.misbehave(
    answers(400, {
      error: { code: 'invalid_query_params', errors: [{ ...problem, message: 'invented-upstream-text' }] },
    }),
  )
  await using client = open(server)
  const error = await failureOf(client.tokens('user_1', 'github'))
  expect(error.extensions).toMatchObject({ code, upstream_code: 'invalid_query_params' })
  expect(everythingOf(error)).not.toContain('upstream-text')
})

describe('credentials that are no OAuth token', () => {
  test.each([
    ['BASIC', { type: 'BASIC', username: 'u', password: 'invented-password' }, 'UNSUPPORTED_CREDENTIAL'],
    ['OAUTH2_CC', { type: 'OAUTH2_CC', token: 'x', client_secret: 'invented-secret' }, 'UNSUPPORTED_CREDENTIAL'],
    ['an unknown type', { type: 'SOMETHING' }, 'UNSUPPORTED_CREDENTIAL'],
    ['withheld from the key', {}, 'UPSTREAM_REJECTED'],
    ['without a token', { type: 'OAUTH2', access_token: '' }, 'UPSTREAM_PROTOCOL_ERROR'],
    [
      'with an expiry that is not a time',
      { type: 'OAUTH2', access_token: 'x', expires_at: 'soon' },
      'UPSTREAM_PROTOCOL_ERROR',
    ],
  ])('%s', async (_, credentials, code) => {
    await using server = await startNango()
    server.connect('user_1', 'github', { credentials })
    await using client = open(server)
    const error = await failureOf(client.tokens('user_1', 'github'))
    expect(error.code).toBe(code)
    expect(everythingOf(error)).not.toContain('invented-')
  })
})

test('an answer about another connection is a protocol error', async () => {
  await using server = await startNango()
  const { connection_id, ...rest } = server.connect('user_1', 'github')
  server.misbehave(answers(200, { ...rest, connection_id: `${connection_id}-other` }), credentialsCall)
  await using client = open(server)
  expect((await failureOf(client.tokens('user_1', 'github'))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
})

test('a connection id that does not fit into a URL', async () => {
  await using server = await startNango()
  server.connect('user_1', 'github', { connection_id: '..' })
  await using client = open(server)
  expect((await failureOf(client.tokens('user_1', 'github'))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
  expect(server.calls).toHaveLength(1)
})

test('a list that is no list', async () => {
  await using server = await startNango()
  server.misbehave(answers(200, { connections: {} }))
  await using client = open(server)
  expect((await failureOf(client.tokens('user_1', 'github'))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
})
