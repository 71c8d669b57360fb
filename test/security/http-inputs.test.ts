/** Requests as clients, probes, browsers and proxies send them, over both adapters where a fetch can carry them. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { responseHeaders } from '../../src/http/policy.ts'
import { adapters } from './adapters.ts'
import type { Surface } from './adapters.ts'
import { startDoor } from './support.ts'
import type { Door } from './support.ts'

const json = { 'content-type': 'application/json' }
const typename = '{ __typename }'
const executed = { data: { __typename: 'Query' } }
const GRAPHQL = 'application/graphql-response+json'

const codesOf = (answer: unknown): string[] =>
  ((answer as { errors?: { extensions: { code: string } }[] }).errors ?? []).map(({ extensions }) => extensions.code)

describe.each(adapters)('over %s', (_, start) => {
  let surface: Surface
  beforeAll(async () => {
    surface = await start({
      cors: { origins: ['capacitor://localhost', 'https://app.example'], headers: ['X-Tenant'] },
    })
  })
  afterAll(() => surface[Symbol.asyncDispose]())

  const post = (body: object, headers: Record<string, string> = {}) =>
    surface.send('/graphql', { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) })

  test.each(['/health', '/ready', '/ready?x=1'])('HEAD %s is answered as GET is, without a body', async (path) => {
    const response = await surface.send(path, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(await response.text()).toBe('')
  })

  test.each([
    'application/json;',
    'application/json; ;',
    'application/json; charset=utf8',
    'application/json;charset="utf8"',
  ])('the content type %s is JSON', async (type) => {
    expect(await (await post({ query: typename }, { 'content-type': type })).json()).toStrictEqual(executed)
  })

  test('an empty operation name is none', async () => {
    expect(await (await post({ query: typename, operationName: '', variables: {} })).json()).toStrictEqual(executed)
  })

  test('an empty Content-Encoding is none; another one is told what is accepted', async () => {
    expect((await post({ query: typename }, { 'content-encoding': '' })).status).toBe(200)
    const refused = await post({ query: typename }, { 'content-encoding': 'gzip' })
    expect([refused.status, refused.headers.get('accept-encoding')]).toStrictEqual([415, 'identity'])
  })

  test('GET tells what to configure in urql', async () => {
    const response = await surface.send('/graphql?query=%7Ba%7D')
    expect(response.status).toBe(405)
    expect(await response.text()).toContain('preferGetMethod: false')
  })

  test.each(['text/html', 'application/xml', 'application/json;q=0', 'garbage', 'image/*'])(
    'an answer as %s cannot be given: 406 in JSON, before anything is executed',
    async (accept) => {
      const response = await post({ query: typename }, { accept })
      expect(response.status).toBe(406)
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
      expect(codesOf(await response.json())).toStrictEqual(['BAD_USER_INPUT'])
    },
  )

  test.each(['', '*/*', 'application/*;q=0.1', 'text/html, */*;q=0.1', 'APPLICATION/JSON', 'text/event-stream;q=0.2'])(
    'Accept %j is answered',
    async (accept) => {
      const response = await post({ query: typename }, { accept })
      expect(response.status).toBe(200)
      expect(await response.text()).toContain('"__typename":"Query"')
    },
  )

  test.each([
    [`${GRAPHQL}, application/json;q=0.9`, GRAPHQL],
    [GRAPHQL, GRAPHQL],
    ['application/json, ' + GRAPHQL, 'application/json'],
    ['application/json', 'application/json'],
    ['*/*', 'application/json'],
    [`${GRAPHQL};q=0, */*`, 'application/json'],
  ])('with Accept %s a refusal is %s', async (accept, type) => {
    for (const headers of [
      { authorization: 'Bearer invented' },
      { origin: 'https://evil.example' },
      { 'content-type': 'a/b' },
    ])
      expect((await post({ query: typename }, { accept, ...headers })).headers.get('content-type')).toBe(
        `${type}; charset=utf-8`,
      )
    expect((await post([], { accept })).headers.get('content-type')).toBe(`${type}; charset=utf-8`)
  })

  test('a hash without a text is told to send the text, whatever it is', async () => {
    for (const persistedQuery of [{ version: 1, sha256Hash: '0'.repeat(64) }, { version: 9 }, true]) {
      const response = await post({ extensions: { persistedQuery }, variables: {} })
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({
        errors: [{ message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } }],
      })
    }
    const withText = await post({ query: typename, extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } })
    expect(await withText.json()).toStrictEqual(executed)
  })

  test.each([
    [{ id: 2 ** 53 }, 'variables.id'],
    [{ id: -(2 ** 53) }, 'variables.id'],
    [{ ids: ['1', 80351110224678910] }, 'variables.ids[1]'],
    [
      {
        r: [
          { __typename: 'User', id: '1' },
          { __typename: 'User', id: 2 ** 60 },
        ],
      },
      'variables.r[1].id',
    ],
    [{ a: { '"><script>': { c: [[1e300]] } } }, 'variables.a.….c[0][0]'],
  ])('a number that JSON cannot hold exactly is refused by its path: %j', async (variables, path) => {
    const response = await post({ query: typename, variables })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      errors: [
        {
          message: `The number in ${path} is larger than JSON can hold exactly; send it as a string.`,
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ],
    })
  })

  test('a number beyond all numbers is refused, and the largest exact one is not', async () => {
    const send = (number: string) =>
      surface.send('/graphql', {
        method: 'POST',
        headers: json,
        body: `{"query":"${typename}","variables":{"n":${number}}}`,
      })
    expect((await send('1e999')).status).toBe(400)
    expect((await send('9007199254740993')).status).toBe(400)
    expect((await send('9007199254740991')).status).toBe(200)
    expect((await send('-0.1234567890123456789')).status).toBe(200)
  })

  test('a deep variable costs neither the stack nor a long message', async () => {
    const body = `{"query":"${typename}","variables":{"a":${'['.repeat(20_000)}1e300${']'.repeat(20_000)}}}`
    const response = await surface.send('/graphql', { method: 'POST', headers: json, body })
    expect(response.status).toBe(400)
    expect((await response.text()).length).toBeLessThan(500)
  })

  test('a page of the same origin behind a proxy that rewrites Host is answered', async () => {
    const origin = 'https://shop.example.com'
    expect((await post({ query: typename }, { origin, 'sec-fetch-site': 'same-origin' })).status).toBe(200)
    for (const site of ['same-site', 'cross-site', 'none', 'same-origin, same-origin'])
      expect((await post({ query: typename }, { origin, 'sec-fetch-site': site })).status).toBe(403)
  })

  test('pages of apps are answered, and may send a header of the configuration', async () => {
    const response = await surface.send('/graphql', {
      method: 'OPTIONS',
      headers: { origin: 'capacitor://localhost', 'access-control-request-method': 'POST' },
    })
    expect(response.headers.get('access-control-allow-origin')).toBe('capacitor://localhost')
    expect(response.headers.get('access-control-allow-headers')).toContain(', x-tenant')
    expect((await post({ query: typename }, { origin: 'ionic://localhost' })).status).toBe(403)
  })
})

describe('on a socket', () => {
  let door: Door
  beforeAll(async () => {
    door = await startDoor()
  })
  afterAll(() => door[Symbol.asyncDispose]())

  async function send(text: string): Promise<string> {
    const socket = connect(Number(new URL(door.server.url).port), '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', (part) => (answer += String(part)))
    socket.on('error', () => undefined).end(text, 'latin1')
    await once(socket, 'close')
    return answer
  }

  const body = JSON.stringify({ query: typename })
  const request = (target: string, host: string, more = '') =>
    `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n${more}Connection: close\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`

  test.each([
    'web.1:4000',
    '123456789012:4000',
    'graph_svc',
    '[fe80::1%25eth0]:4000',
    '[::1]',
    'EXAMPLE.com.',
    'a:',
    '',
  ])('the host %j decides nothing in production', async (host) => {
    expect(await send(request('/graphql', host))).toMatch(/^HTTP\/1\.1 200 [^]*"__typename":"Query"/)
    expect(await send(`GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /)
  })

  test.each([
    ['http://graph.example:4000/graphql', 200],
    ['HTTP://graph.example/graphql?x=1', 200],
    ['https://graph.example/graphql', 200],
    ['http://graph.example/', 404],
    ['http://graph.example', 404],
    ['/./graphql', 404],
    ['/x/../graphql', 404],
    ['/x/..\\graphql', 404],
    ['//graphql', 404],
    ['/graphql/', 404],
    ['/graph%71l', 404],
    ['/graphql#x', 200],
  ])('the target %s: %i', async (target, status) => {
    expect(await send(request(target, 'graph.example'))).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} `))
  })

  test.each([
    'Authorization: Bearer a',
    'authorization: Bearer a',
    'Content-Type: application/json',
    'HOST: b',
    'Content-Length: 26',
  ])('a second %s is refused, whichever of the two a proxy has checked', async (header) => {
    const first = header.toLowerCase().startsWith('authorization') ? 'Authorization: Bearer b\r\n' : ''
    const answer = await send(request('/graphql', 'a', `${first}${header}\r\n`))
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer.toLowerCase()).toContain('cache-control: no-store\r\n')
  })

  test.each([
    ['an expectation that is none', request('/graphql', 'a', 'Expect: foo\r\n'), 417],
    ['no host', request('/graphql', 'a').replace('Host: a\r\n', ''), 400],
    ['headers that are too large', request('/graphql', 'a', `X: ${'x'.repeat(20_000)}\r\n`), 431],
    ['what is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 400],
  ])('%s is answered with the headers of every response, in JSON', async (_, text, status) => {
    const answer = await send(text)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} `))
    const [head = '', content = ''] = answer.split('\r\n\r\n')
    for (const [name, value] of Object.entries(responseHeaders))
      expect(head.toLowerCase()).toContain(`${name}: ${value.toLowerCase()}`)
    expect(codesOf(JSON.parse(content))).toStrictEqual(['BAD_USER_INPUT'])
  })

  test('HTTP/1.0 needs no host', async () => {
    expect(await send('GET /health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
  })
})

test('limits.header_bytes lets larger headers in', async () => {
  await using door = await startDoor({ limits: { header_bytes: 65_536 } })
  const response = await door.server.post(JSON.stringify({ query: typename }), { cookie: 'x'.repeat(40_000) })
  expect(response.status).toBe(200)
})

test.each([
  'https://*.example.com',
  'capacitor://*',
  'wss://app.example',
  'file://',
  'data:text/html',
  'tauri://localhost/path',
  'https://APP.example',
  'CAPACITOR://localhost',
])('the configuration refuses %s as an origin: no page has it', async (origin) => {
  await expect(startDoor({ cors: { origins: [origin] } })).rejects.toThrow('cors.origins')
})

test.each([
  'capacitor://localhost',
  'ionic://localhost',
  'tauri://localhost',
  'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
  'moz-extension://6a0b1c2d-0000-4000-8000-000000000000',
  'app://bundle:8080',
])('the configuration accepts %s as an origin', async (origin) => {
  await using door = await startDoor({ cors: { origins: [origin] } })
  const headers = { origin }
  expect((await door.server.post(JSON.stringify({ query: typename }), headers)).status).toBe(200)
})

test.each(['*', 'a b', '', 'x:y'])('the configuration refuses %j as the name of a header', async (name) => {
  await expect(startDoor({ cors: { headers: [name] } })).rejects.toThrow('cors.headers')
})
