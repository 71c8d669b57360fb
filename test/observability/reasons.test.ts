/** Every refusal and every failed upstream leaves one line with its reason and the ids of the request, and no secret. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Reason, reasonOf } from '../../src/errors.ts'
import { limitLines, writeLog } from '../../src/log.ts'
import { transportError } from '../../src/upstreams/http/errors.ts'
import { KEY, sign, startProved } from '../gateway-proof/support.ts'
import { makeFolder } from '../kit/folder.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'
import { startTestServer } from '../kit/server.ts'
import type { Answer, TestServer } from '../kit/server.ts'
import { startIssuer } from '../servers/jwks.ts'
import type { Issuer } from '../servers/jwks.ts'
import * as faults from '../servers/misbehaviour.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const CANARY = 'invented-canary-value'
const query = '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }'

let requests = 0

interface Found {
  readonly lines: readonly Record<string, unknown>[]
  readonly extensions: readonly Record<string, unknown>[]
}

/** Sends one request with ids of its own; the lines are those that name it, the line `request` left out. */
async function provoke(
  server: TestServer,
  headers: Record<string, string>,
  body = JSON.stringify({ query }),
): Promise<Found> {
  const id = `invented-request-${String(++requests)}`
  const ids = { 'x-request-id': id, traceparent: `00-${TRACE}-00f067aa0ba902b7-01` }
  const answer = (await (await server.post(body, { ...ids, ...headers })).json()) as Answer
  await server.settle()
  const lines = server.logged
    .filter((line) => line.includes(id))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  for (const line of lines.filter(({ msg }) => msg !== 'execute')) expect(line).toMatchObject({ trace_id: TRACE })
  for (const { extensions } of answer.errors ?? []) expect(extensions).toMatchObject({ request_id: id })
  expect(server.logged.join('')).not.toContain(CANARY)
  return {
    lines: lines.filter(({ msg }) => msg !== 'execute' && msg !== 'request'),
    extensions: (answer.errors ?? []).map(({ extensions }) => extensions as Record<string, unknown>),
  }
}

describe('a credential', () => {
  let issuer: Issuer
  let server: TestServer
  beforeAll(async () => {
    issuer = await startIssuer()
    const auth = { issuers: [issuer.options({ authorized_parties: 'app' })] }
    server = await startTestServer({ file: { mode: 'development', auth } })
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await issuer[Symbol.asyncDispose]()
  })

  const past = Math.floor(Date.now() / 1000) - 3600
  const good = { azp: 'app' }
  it.each<[string, (from: Issuer) => string | Promise<string>, string]>([
    ['no token at all', () => 'x y', 'not one bearer token'],
    ['no JWT', () => CANARY, 'not a compact JWS'],
    ['another issuer', (from) => from.sign({ ...good, iss: `https://${CANARY}` }), 'issuer not configured'],
    [
      'another audience',
      (from) => from.sign({ ...good, aud: CANARY }),
      'ERR_JWT_CLAIM_VALIDATION_FAILED aud check_failed',
    ],
    ['no audience', (from) => from.sign({ ...good, aud: undefined }), 'ERR_JWT_CLAIM_VALIDATION_FAILED aud missing'],
    ['another application', (from) => from.sign({ azp: CANARY }), 'azp not listed'],
    ['no application', (from) => from.sign(), 'azp missing'],
    ['expiry', (from) => from.sign({ ...good, exp: past }), 'ERR_JWT_EXPIRED'],
    ['no expiry', (from) => from.sign({ ...good, exp: undefined }), 'ERR_JWT_CLAIM_VALIDATION_FAILED exp missing'],
    [
      'a time to come',
      (from) => from.sign({ ...good, nbf: past + 7200 }),
      'ERR_JWT_CLAIM_VALIDATION_FAILED nbf check_failed',
    ],
    ['no user', (from) => from.sign({ ...good, sub: undefined }), 'ERR_JWT_CLAIM_VALIDATION_FAILED sub missing'],
    ['a user that is no id', (from) => from.sign({ ...good, sub: `${CANARY}\n` }), 'user claim is not a user id'],
    ['a user that is a number', (from) => from.sign({ ...good, sub: 7 }), 'user claim is not a string'],
    ['the type of another token', (from) => from.sign(good, { header: { typ: 'logout+jwt' } }), 'typ not accepted'],
    ['an unknown key', (from) => from.sign(good, { header: { kid: CANARY } }), 'ERR_JWKS_NO_MATCHING_KEY'],
    [
      'the signature',
      async (from) => `${(await from.sign(good)).split('.', 2).join('.')}.${'A'.repeat(86)}`,
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    ],
  ])('refused for %s', async (_name, make, reason) => {
    const { lines, extensions } = await provoke(server, { authorization: `Bearer ${await make(issuer)}` })
    expect(lines).toMatchObject([{ msg: 'credential refused', reason }])
    expect(extensions).toMatchObject([{ code: 'UNAUTHENTICATED' }])
  })

  it('that cannot be checked names the reason of the issuer, too', async () => {
    await using down = await startIssuer()
    down.outage(true)
    await using graph = await startTestServer({ file: { mode: 'development', auth: { issuers: [down.options()] } } })
    const { lines } = await provoke(graph, { authorization: `Bearer ${await down.sign()}` })
    expect(lines).toMatchObject([{ msg: 'credential not checked', level: 'warn' }])
    const issuerLine = graph.logged.find((line) => line.includes('the keys of an issuer cannot be read'))
    expect(JSON.parse(issuerLine!)).toMatchObject({ issuer: down.issuer, reason: 'status 503' })
  })
})

it.each([
  ['no signature', () => ({}), 'signature: none'],
  [
    'another key',
    async () => (await sign({ keyid: 'router-9' })).headers,
    'signature: no known key, or other parameters',
  ],
  ['another secret', async () => (await sign({ key: `${KEY.secret}x` })).headers, 'signature: does not hold'],
  ['another time', async () => (await sign({ age: 3_600_000 })).headers, 'signature: time'],
] as const)('a gateway proof refused for %s', async (_name, make, reason) => {
  await using proved = await startProved({ signatures: { keys: [KEY] } })
  const { lines } = await provoke(proved.server, { ...(await Promise.resolve(make())) })
  expect(lines).toMatchObject([{ msg: 'gateway proof refused', reason }])
})

describe('an upstream', () => {
  const clerkError = { errors: [{ code: 'authentication_invalid', message: CANARY }] }
  const row = {
    object: 'oauth_access_token',
    external_account_id: 'eac_1',
    provider: 'oauth_google',
    token: 7,
    label: CANARY,
  }
  it.each<[string, faults.Misbehaviour, Record<string, unknown>]>([
    [
      'an answer with a code',
      faults.answers(403, clerkError),
      { code: 'UPSTREAM_REJECTED', upstream_status: 403, upstream_code: 'authentication_invalid', level: 'warn' },
    ],
    ['a failure of its own', faults.answers(500, CANARY), { code: 'UPSTREAM_UNAVAILABLE', upstream_status: 500 }],
    [
      'a rate limit',
      faults.answers(429, { errors: [] }, { 'retry-after': '60' }),
      { code: 'UPSTREAM_RATE_LIMITED', upstream_status: 429, retry_after_ms: 60_000 },
    ],
    [
      'another shape',
      faults.answers(200, { data: [row, row], total_count: 2 }),
      {
        code: 'UPSTREAM_PROTOCOL_ERROR',
        upstream_status: 200,
        reason: 'token invalid_type',
      },
    ],
    ['a page', faults.html(), { code: 'UPSTREAM_PROTOCOL_ERROR', reason: 'not JSON' }],
    [
      'a redirect',
      faults.redirects(`https://${CANARY}.example`),
      { code: 'UPSTREAM_PROTOCOL_ERROR', reason: 'a redirect' },
    ],
    ['a reset', faults.reset, { code: 'UPSTREAM_UNAVAILABLE', reason: 'ECONNRESET' }],
    ['no HTTP', faults.garbage, { code: 'UPSTREAM_PROTOCOL_ERROR', reason: 'HTTP_PARSER_ERROR' }],
    ['too much', faults.hugeBody, { code: 'UPSTREAM_PROTOCOL_ERROR', reason: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' }],
    ['silence', faults.silence, { code: 'UPSTREAM_TIMEOUT', reason: 'deadline' }],
    [
      'a user that it does not know',
      faults.answers(404, { errors: [{ code: 'resource_not_found' }] }),
      { code: 'USER_NOT_FOUND', upstream_code: 'resource_not_found', level: 'info' },
    ],
  ])('that gives %s', async (_name, fault, expected) => {
    await using graph = await startGraphOverClerk({ retries: 0, timeout_ms: fault === faults.silence ? 200 : 5000 })
    graph.clerk.misbehave(fault)
    const { lines } = await provoke(graph.server, { authorization: `Bearer ${graph.server.key}` })
    expect(lines).toMatchObject([{ msg: 'upstream failed', upstream: 'clerk', provider: 'oauth_google', ...expected }])
  })

  it('leaves one line for each kind of failure that a request meets, also where the failure is data', async () => {
    await using graph = await startGraphOverClerk({ retries: 0 }, { cache: { seconds: 0 } })
    graph.clerk.misbehave(faults.answers(500, ''))
    const all =
      'query { users(ids: ["user_1", "user_2", "user_3"]) { oauth_connection(provider: "google") { status } } }'
    const { lines, extensions } = await provoke(
      graph.server,
      { authorization: `Bearer ${graph.server.key}` },
      JSON.stringify({ query: all }),
    )
    expect(extensions).toEqual([])
    expect(lines).toMatchObject([{ msg: 'upstream failed', code: 'UPSTREAM_UNAVAILABLE', upstream_status: 500 }])
  })

  it('whose breaker is open', async () => {
    await using graph = await startGraphOverClerk({ retries: 0 }, { cache: { seconds: 0 } })
    graph.clerk.misbehave(faults.answers(500, ''))
    const users = Array.from({ length: 60 }, (_, n) => `"user_${String(n)}"`).join(',')
    const text = `{ users(ids: [${users}]) { oauth_access_tokens(provider: "google") { token } } }`
    await graph.server.ask(text)
    const { lines } = await provoke(graph.server, { authorization: `Bearer ${graph.server.key}` })
    expect(lines).toMatchObject([{ code: 'UPSTREAM_UNAVAILABLE', reason: 'the circuit breaker is open' }])
  })

  it.each([
    ['refused', 'http', 'ECONNREFUSED'],
    ['no TLS', 'https', /^ERR_SSL_|^EPROTO$/],
  ] as const)('whose connection is %s', async (_name, scheme, reason) => {
    const plain = createServer()
    await once(plain.listen(0, '127.0.0.1'), 'listening')
    const { port } = plain.address() as AddressInfo
    if (scheme === 'http') plain.close()
    const clerk = {
      platform: 'clerk',
      secret_key: 'sk_test_invented',
      base_url: `${scheme}://127.0.0.1:${String(port)}`,
      retries: 0,
    }
    await using server = await startTestServer({ file: { upstreams: { clerk } } })
    const { lines } = await provoke(server, { authorization: `Bearer ${server.key}` })
    const expected = typeof reason === 'string' ? reason : (expect.stringMatching(reason) as string)
    expect(lines).toMatchObject([{ msg: 'upstream failed', code: 'UPSTREAM_UNAVAILABLE', reason: expected }])
    const event = server.logged.find((line) => line.includes('"msg":"upstream"'))
    expect(JSON.parse(event!)).toMatchObject({ outcome: 'error', reason: expected })
    plain.close()
  })

  it.each(['ENOTFOUND', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UND_ERR_CONNECT_TIMEOUT'])('%s', (code) => {
    expect(reasonOf(transportError(Object.assign(new Error(`invented ${CANARY}`), { code })))).toBe(code)
  })
})

it('an answer that the audit withheld names what the sink said', async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'audit.ndjson')
  const audit = { sink: 'file', path, key: 'invented-audit-key-0123456789abcdef' }
  await using graph = await startGraphOverClerk({}, { audit })
  folder.write('audit.ndjson', `${readFileSync(path, 'utf8')}a line of another writer\n`)
  const { lines } = await provoke(graph.server, { authorization: `Bearer ${graph.server.key}` })
  expect(lines.at(-1)).toMatchObject({
    msg: 'an answer was withheld because its audit could not be written',
    reason: 'something else writes the audit file',
    error: { name: 'Reason', message: 'something else writes the audit file' },
  })
  expect(graph.server.logged.join('')).not.toContain('a line of another writer')
})

it('the reason of an error is a text of ours or a code, never the text of another', () => {
  expect(reasonOf(Object.assign(new Error(CANARY), { code: 'ENOSPC' }))).toBe('ENOSPC')
  expect(reasonOf(Object.assign(new Error('x'), { code: CANARY }))).toBeNull()
  expect(reasonOf(new Reason('a phrase', { cause: new Error(CANARY) }))).toBe('a phrase')
  expect(reasonOf(CANARY)).toBeNull()
})

it('lines of one reason are limited, and the next one says how many were left out', () => {
  const written: string[] = []
  let now = 0
  const write = limitLines(writeLog('debug', { write: (line) => void written.push(line) }), () => now)
  for (let n = 0; n < 1000; n++) write('info', 'a', { reason: 'a' }, 'refused')
  write('warn', 'b', { reason: 'b' }, 'refused')
  expect(written).toHaveLength(21)
  now = 60_000
  write('info', 'a', { reason: 'a' }, 'refused')
  expect(JSON.parse(written.at(-1)!)).toMatchObject({ reason: 'a', left_out: 980 })
})
