/** Which requests reach GraphQL, and which headers every response has: over both adapters (docs/promises.md S5, S6). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adapters } from './adapters.ts'
import type { Surface } from './adapters.ts'
import { startDoor } from './support.ts'

const query = '{ __typename }'
const body = JSON.stringify({ query })
const json = { 'content-type': 'application/json' }
const executed = { data: { __typename: 'Query' } }

function expectHeaders(response: Response): void {
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'cache-control': expect.stringContaining('no-store') as string,
    pragma: 'no-cache',
    vary: 'Authorization',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'x-request-id': expect.stringMatching(/./) as string,
  })
  expect(response.headers.has('etag')).toBe(false)
  expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toStrictEqual([])
}

const multipart = new FormData()
multipart.set('operations', JSON.stringify({ query }))
multipart.set('map', '{"0":["__proto__.polluted"]}')
multipart.set('0', new Blob(['x']))

/** A body that is a stream can be sent once. */
type Init = RequestInit | (() => RequestInit)

const refused: readonly [string, number, Init, string?][] = [
  ['GET with a query', 405, { method: 'GET' }, `/graphql?query=${encodeURIComponent(query)}`],
  ['HEAD', 405, { method: 'HEAD' }],
  ['PUT', 405, { method: 'PUT', headers: json, body }],
  ['DELETE', 405, { method: 'DELETE' }],
  ['OPTIONS', 405, { method: 'OPTIONS' }],
  ['a form', 415, { body: new URLSearchParams({ query }) }],
  ['multipart', 415, { body: multipart }],
  ['text/plain', 415, { headers: { 'content-type': 'text/plain' }, body }],
  ['application/graphql', 415, { headers: { 'content-type': 'application/graphql' }, body: query }],
  ['application/graphql+json', 415, { headers: { 'content-type': 'application/graphql+json' }, body }],
  ['no content type', 415, { body: new Blob([body]) }],
  ['two content types', 415, { headers: { 'content-type': 'application/json, text/plain' }, body }],
  ['another charset', 415, { headers: { 'content-type': 'application/json; charset=utf-16le' }, body }],
  ['a parameter', 415, { headers: { 'content-type': 'application/json; boundary=x' }, body }],
  ['a compressed body', 415, { headers: { ...json, 'content-encoding': 'gzip' }, body }],
  ['an array', 400, { headers: json, body: `[${body}]` }],
  ['an empty array', 400, { headers: json, body: '[]' }],
  ['broken JSON', 400, { headers: json, body: '{"query": "{ __typename }"' }],
  ['no body', 400, { headers: json }],
  ['null', 400, { headers: json, body: 'null' }],
  ['a string', 400, { headers: json, body: '"{ __typename }"' }],
  ['bytes that are no UTF-8', 400, { headers: json, body: Buffer.from(body.replace('__', 'é'), 'latin1') }],
  ['no query', 400, { headers: json, body: '{}' }],
  ['a query that is no string', 400, { headers: json, body: '{"query": {}}' }],
  ['variables that are no object', 400, { headers: json, body: '{"query": "{a}", "variables": [1]}' }],
  ['an unknown member', 400, { headers: json, body: '{"query": "{a}", "constructor": 1}' }],
  ['an operation name that is no string', 400, { headers: json, body: '{"query": "{a}", "operationName": 1}' }],
  ['an operation that is not there', 400, { headers: json, body: '{"query": "query A {a}", "operationName": "B"}' }],
  ['a large body', 413, { headers: json, body: JSON.stringify({ query: `${query}${' '.repeat(65_536)}` }) }],
  ['an endless body', 413, () => ({ headers: json, body: endless(), duplex: 'half' }) as RequestInit],
  ['another path', 404, { headers: json, body }, '/'],
  ['a path below', 404, { headers: json, body }, '/graphql/x'],
  ['a page on another origin', 403, { headers: { ...json, origin: 'https://evil.example' }, body }],
  ['a page without an origin', 403, { headers: { ...json, origin: 'null' }, body }],
  ['a wrong credential', 401, { headers: { ...json, authorization: 'Bearer invented-wrong' }, body }],
]

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: (controller) => {
      controller.enqueue(new Uint8Array(16_384).fill(32))
    },
  })
}

const accepted: readonly [string, Init][] = [
  ['JSON', { headers: json }],
  ['a charset of UTF-8', { headers: { 'content-type': 'application/json; charset=utf-8' } }],
  ['a charset in other letters', { headers: { 'content-type': 'Application/JSON ;charset="UTF-8"' } }],
  ['a streamed body', () => ({ headers: json, body: new Blob([body]).stream(), duplex: 'half' }) as RequestInit],
  ['the encoding identity', { headers: { ...json, 'content-encoding': 'identity' } }],
]

const initOf = (init: Init) => (typeof init === 'function' ? init() : init)

describe.each(adapters)('over %s', (_, start) => {
  let surface: Surface
  beforeAll(async () => {
    surface = await start()
  })
  afterAll(() => surface[Symbol.asyncDispose]())

  test.each(refused)('refuses %s: %i', async (_, status, init, path = '/graphql') => {
    const sent = { method: 'POST', ...initOf(init) }
    const response = await surface.send(path, sent)
    expect(response.status).toBe(status)
    expectHeaders(response)
    if (sent.method === 'HEAD') return
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    const answer: unknown = await response.json()
    expect(answer).toMatchObject({
      errors: [
        { message: expect.any(String) as string, extensions: { code: expect.stringMatching(/^[A-Z_]+$/) as string } },
      ],
    })
    expect(Object.keys(answer as object)).toStrictEqual(['errors'])
    expect(Object.prototype).not.toHaveProperty('polluted')
  })

  test.each(accepted)('accepts %s', async (_, init) => {
    const response = await surface.send('/graphql', { method: 'POST', body, ...initOf(init) })
    expect(response.status).toBe(200)
    expectHeaders(response)
    expect(await response.json()).toStrictEqual(executed)
  })

  test('accepts a body of exactly 65,536 bytes', async () => {
    const padded = body + ' '.repeat(65_536 - body.length)
    const response = await surface.send('/graphql', { method: 'POST', headers: json, body: padded })
    expect(await response.json()).toStrictEqual(executed)
  })

  test('accepts a page of the same origin', async () => {
    const headers = { ...json, origin: surface.origin }
    expect((await surface.send('/graphql', { method: 'POST', headers, body })).status).toBe(200)
  })

  test.each(['/health', '/ready', '/ready?probe=1'])('%s has the headers', async (path) => {
    const response = await surface.send(path)
    expect(response.status).toBe(200)
    expectHeaders(response)
  })

  test.each(['text/event-stream', 'multipart/mixed', 'text/plain', 'application/graphql-response+json', 'garbage'])(
    'a response as %s has the headers',
    async (accept) => {
      const response = await surface.send('/graphql', { method: 'POST', headers: { ...json, accept }, body })
      expectHeaders(response)
    },
  )

  test.each(['text/event-stream', 'multipart/mixed', 'application/graphql-response+json'])(
    'answers as %s',
    async (accept) => {
      const response = await surface.send('/graphql', { method: 'POST', headers: { ...json, accept }, body })
      expect(response.headers.get('content-type')).toContain(accept)
      expect(await response.text()).toContain(JSON.stringify(executed))
    },
  )

  test('keeps a plain request id, and replaces any other', async () => {
    const idFor = async (id: string) =>
      (await surface.send('/health', { headers: { 'x-request-id': id } })).headers.get('x-request-id')
    expect(await idFor('Caller_1.2-3')).toBe('Caller_1.2-3')
    for (const id of ['a b', 'x'.repeat(65), '"']) expect(await idFor(id)).toMatch(/^[0-9a-f-]{36}$/)
  })

  test.each(['0', '-1', '1.5', '1e3', 'soon'])('refuses a timeout of %s', async (timeout) => {
    const headers = { ...json, 'x-request-timeout-ms': timeout }
    const response = await surface.send('/graphql', { method: 'POST', headers, body })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('x-request-timeout-ms')
  })
})

test('503 has the headers: the keys of an issuer cannot be read', async () => {
  const issuer = 'http://127.0.0.1:1'
  const issuers = [{ issuer, audience: 'tokengraph', jwks_url: `${issuer}/jwks`, algorithms: ['ES256'] }]
  await using without = await startDoor({ auth: { issuers } })
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + 300
  const claims = part({ iss: issuer, aud: 'tokengraph', sub: 'user_1', exp })
  const jwt = `${part({ alg: 'ES256', kid: 'k', typ: 'JWT' })}.${claims}.${Buffer.alloc(64, 1).toString('base64url')}`
  const response = await without.server.post(body, { authorization: `Bearer ${jwt}` })
  expect(response.status).toBe(503)
  expectHeaders(response)
})
