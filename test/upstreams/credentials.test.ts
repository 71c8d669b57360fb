import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { secret } from '../../src/lib/secret.ts'
import { createClientCredentials } from '../../src/upstreams/http/oauth-client.ts'
import { httpDefaults } from '../../src/upstreams/http/types.ts'
import type { UpstreamEvent } from '../../src/upstreams/platform.ts'
import { startLocal, type Reply } from '../servers/local.ts'
import { answers, holds, silence } from '../servers/misbehaviour.ts'
import { call } from '../kit/call.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { openTestHttp, spec } from './support.ts'

interface PlatformOptions {
  readonly expires_in?: unknown
  readonly clientAuth?: 'form' | 'basic'
}

/** A platform whose API accepts only the newest token, and its client. */
async function startPlatform({ expires_in = 3600, clientAuth = 'form' }: PlatformOptions = {}) {
  let issued = 0
  const server = await startLocal(({ path, headers }): Reply => {
    if (path === '/token') return { status: 200, body: { access_token: `machine-${String(++issued)}`, expires_in } }
    const good = headers.authorization === `Bearer machine-${String(issued)}`
    return good ? { status: 200, body: { fine: true } } : { status: 401, body: {} }
  })
  const events: UpstreamEvent[] = []
  const credentials = createClientCredentials({
    ...httpDefaults,
    timeoutMs: 1000,
    tokenUrl: `${server.url}/token`,
    clientId: 'invented client',
    clientSecret: secret('invented/secret'),
    clientAuth,
    parameters: { audience: 'https://api.example.com', scope: 'a b' },
    observe: (event) => events.push({ ...event, upstream: 'local' }),
  })
  const http = openTestHttp(server.url, { headers: () => ({}), authorize: credentials })
  return {
    server,
    http,
    credentials,
    events,
    exchanges: () => server.calls.filter(({ path }) => path === '/token'),
    /** The platform forgets every token that it issued. */
    revoke: () => issued++,
    async [Symbol.asyncDispose]() {
      await http.close()
      await credentials.close()
      await server.close()
    },
  }
}

describe('the exchange', () => {
  test('the client in the form, with further parameters', async () => {
    await using platform = await startPlatform()
    await platform.http.request(spec, call())
    const [exchange] = platform.exchanges()
    expect(exchange?.method).toBe('POST')
    expect(Object.fromEntries(new URLSearchParams(exchange?.body))).toEqual({
      grant_type: 'client_credentials',
      audience: 'https://api.example.com',
      scope: 'a b',
      client_id: 'invented client',
      client_secret: 'invented/secret',
    })
    expect(platform.events).toMatchObject([{ operation: 'client_credentials', outcome: 'ok' }])
  })

  test('the client with HTTP Basic, form-encoded first', async () => {
    await using platform = await startPlatform({ clientAuth: 'basic' })
    await platform.http.request(spec, call())
    const [exchange] = platform.exchanges()
    const basic = Buffer.from('invented+client:invented%2Fsecret').toString('base64')
    expect(exchange?.headers.authorization).toBe(`Basic ${basic}`)
    expect(exchange?.body).not.toMatch(/client_secret|client_id/)
  })

  test('one for all requests that wait, and none while the token is good', async () => {
    await using platform = await startPlatform()
    const gate = Promise.withResolvers<undefined>()
    platform.server.misbehave(holds(gate.promise), { path: /token/ })
    const requests = Array.from({ length: 20 }, () => platform.http.request(spec, call()))
    await platform.server.arrived(1)
    gate.resolve(undefined)
    expect((await Promise.all(requests)).map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    await platform.http.request(spec, call())
    expect(platform.exchanges()).toHaveLength(1)
  })

  test('a caller who leaves does not abort it for the others', async () => {
    await using platform = await startPlatform()
    const gate = Promise.withResolvers<undefined>()
    platform.server.misbehave(holds(gate.promise), { path: /token/ })
    const caller = new AbortController()
    const left = platform.http.request(spec, call(caller.signal))
    const stayed = platform.http.request(spec, call())
    await platform.server.arrived(1)
    caller.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    gate.resolve(undefined)
    expect((await stayed).status).toBe(200)
    expect(platform.exchanges()).toHaveLength(1)
  })
})

describe('a 401', () => {
  test('fetches another token once, for any number of requests, and sends each again', async () => {
    await using platform = await startPlatform()
    await platform.http.request(spec, call())
    platform.revoke()
    const answered = await Promise.all(Array.from({ length: 5 }, () => platform.http.request(spec, call())))
    expect(answered.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    expect(platform.exchanges()).toHaveLength(2)
  })

  test('also for a POST with its body: the platform did not look at it', async () => {
    await using platform = await startPlatform()
    await platform.http.request(spec, call())
    platform.revoke()
    await platform.http.request({ ...spec, method: 'POST', body: { json: { a: 1 } } }, call())
    const posts = platform.server.calls.filter(({ method, path }) => method === 'POST' && path === '/thing')
    expect(posts.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}'])
  })

  test('that stays is the answer, and does not ask for a token with every request', async () => {
    await using platform = await startPlatform()
    platform.server.misbehave(answers(401, {}), { path: /thing/ })
    for (let n = 0; n < 10; n++) expect((await platform.http.request(spec, call())).status).toBe(401)
    expect(platform.exchanges()).toHaveLength(2)
  })

  test('to the request’s own credential fetches no other token', async () => {
    await using platform = await startPlatform()
    const own = { ...spec, headers: { authorization: 'Bearer invented-user-token' } }
    expect((await platform.http.request(own, call())).status).toBe(401)
    expect(platform.server.calls).toHaveLength(1)
  })
})

describe('the life of a token', () => {
  test.each([
    [3600, 1],
    ['3600', 1],
    [undefined, 1],
    [0, 1],
    ['soon', 1],
  ])('expires_in %j: %d exchanges for four requests', async (expires_in, count) => {
    await using platform = await startPlatform({ expires_in })
    for (let n = 0; n < 4; n++) await platform.http.request(spec, call())
    expect(platform.exchanges()).toHaveLength(count)
  })

  test('one that lives a millisecond is fetched anew for every request', async () => {
    await using platform = await startPlatform({ expires_in: 0.001 })
    for (let n = 0; n < 4; n++) {
      await platform.http.request(spec, call())
      await sleep(2)
    }
    // It may be over before it is used even once.
    expect(platform.exchanges().length).toBeGreaterThanOrEqual(4)
  })

  test('in its last part it is renewed while it is still used: no request waits, and none fails', async () => {
    // It is used for 4.75 seconds, and renewed from the start.
    await using platform = await startPlatform({ expires_in: 5 })
    await platform.http.request(spec, call())
    platform.server.misbehave(silence, { path: /token/, times: 1 })
    expect((await platform.http.request(spec, call())).status).toBe(200)
    await platform.server.arrived(3)
    expect((await platform.http.request(spec, call())).status).toBe(200)
    expect(platform.exchanges()).toHaveLength(2)
  })
})

describe('a token endpoint that refuses', () => {
  test.each([
    [400, { error: 'invalid_grant' }, { code: 'UPSTREAM_REJECTED', upstream_code: 'invalid_grant' }],
    [401, { error: 'invalid_client' }, { code: 'UPSTREAM_REJECTED', upstream_code: 'invalid_client' }],
    [429, {}, { code: 'UPSTREAM_RATE_LIMITED', retry_after_ms: 1000 }],
    [503, '', { code: 'UPSTREAM_UNAVAILABLE' }],
    [200, {}, { code: 'UPSTREAM_PROTOCOL_ERROR' }],
    [200, { access_token: 'two words' }, { code: 'UPSTREAM_PROTOCOL_ERROR' }],
    [200, { access_token: 'invented', token_type: 'DPoP' }, { code: 'UPSTREAM_PROTOCOL_ERROR' }],
  ])('%d %j', async (status, body, expected) => {
    await using platform = await startPlatform()
    platform.server.misbehave(answers(status, body), { path: /token/ })
    const error = await failureOf(platform.http.request(spec, call()))
    expect(error.extensions).toMatchObject(expected)
    expect(everythingOf(error)).not.toMatch(/invented|127\.0\.0\.1/)
    expect(platform.server.calls).toHaveLength(1)
  })
})
