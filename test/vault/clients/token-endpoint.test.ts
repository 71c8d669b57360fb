/** What a refresh sends, and whether a failure says that the provider may have acted on it: over real sockets. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { jwtVerify } from 'jose'
import { afterEach, describe, expect, test } from 'vitest'
import { secret } from '../../../src/lib/secret.ts'
import type { PlatformEvent } from '../../../src/upstreams/platform.ts'
import type { Grant, OAuthClient } from '../../../src/upstreams/vault/clients/clients.ts'
import { refreshRequest } from '../../../src/upstreams/vault/clients/requests.ts'
import { openTokenEndpoint, type Exchanged } from '../../../src/upstreams/vault/clients/token-endpoint.ts'
import { readCatalogue } from '../../../src/upstreams/vault/providers/catalogue.ts'
import { providerRecord, type Provider } from '../../../src/upstreams/vault/providers/provider.ts'
import { startTls } from '../../servers/tls.ts'

// panva/openid-client#134: every character that one encoding changes and another keeps.
const SPECIAL = "invented-_.!~*'()+%: "
const REFRESH = 'invented-refresh-token'

const plain = providerRecord.parse({
  id: 'invented',
  title: 'Invented',
  authorize_url: 'https://provider.example.invalid/authorize',
  token_url: 'https://provider.example.invalid/token',
  client_auth: ['post', 'basic', 'basic_raw', 'secret_as_user'],
  pkce: 'supported',
  refresh: { obtained: 'always', rotation: { mode: 'never' } },
})

function clientOf(provider: Provider, changes: Partial<OAuthClient> = {}): OAuthClient {
  const [clientAuth = 'post'] = provider.client_auth
  return {
    ...{ name: 'invented', provider, clientId: 'invented.id', clientSecret: secret(SPECIAL), privateKey: null },
    ...{ clientAuth, scopes: [], userScopes: [], values: {}, isDiscovered: false, credentialsId: 'invented' },
    ...changes,
  }
}

const grant: Grant = {
  refreshToken: secret(REFRESH),
  accessToken: secret('invented-access-token'),
  scopes: ['a', 'b'],
  kept: {},
  earlierLifetimeSeconds: null,
  nowSeconds: 1_800_000_000,
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

/** One refresh at `url`, and the events that it made. */
async function refreshAt(url: string, timeoutMs = 5000, changes: Partial<OAuthClient> = {}) {
  const events: PlatformEvent[] = []
  const client = clientOf({ ...plain, token_url: `${url}/token` }, changes)
  const endpoint = openTokenEndpoint(client, { observe: (event) => events.push(event) })
  const outcome = await endpoint.refresh(grant, timeoutMs)
  await endpoint.close()
  return { outcome, events }
}

describe('the request of a refresh', () => {
  test.each([
    ['basic', 'invented%2Eid:invented%2D%5F%2E%21%7E%2A%27%28%29%2B%25%3A+'],
    ['basic_raw', `invented.id:${SPECIAL}`],
    ['secret_as_user', `${SPECIAL}:`],
  ] as const)('%s is exact to the byte', async (clientAuth, credentials) => {
    const { headers, body } = await refreshRequest(clientOf(plain, { clientAuth }), grant)
    expect(headers.authorization).toBe(`Basic ${Buffer.from(credentials).toString('base64')}`)
    expect(body).not.toContain('client_secret')
  })

  test.each([
    ['RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['PS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ] as const)(
    'private_key_jwt signs by %s, for the token endpoint or the issuer as the record says',
    async (algorithm, make) => {
      const { privateKey, publicKey } = make()
      const pem = secret(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
      const signer = { clientAuth: 'private_key_jwt', privateKey: { pem, keyId: 'k1', algorithm } } as const
      const issuer = 'https://provider.example.invalid/realms/one'
      for (const [audience, record] of [
        [plain.token_url, plain],
        [issuer, { ...plain, issuer, assertion_audience: 'issuer' as const }],
      ] as const) {
        const { body } = await refreshRequest(clientOf(record, signer), grant)
        const form = new URLSearchParams(body ?? '')
        expect(form.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
        const { payload, protectedHeader } = await jwtVerify(form.get('client_assertion') ?? '', publicKey, {
          audience,
        })
        expect(protectedHeader).toMatchObject({ alg: algorithm, kid: 'k1' })
        expect(payload).toMatchObject({ iss: 'invented.id', sub: 'invented.id', aud: audience })
        expect(form.has('client_secret')).toBe(false)
      }
    },
  )

  test('post sends the credentials in the form, and no scope that nobody asked for', async () => {
    const { method, headers, body } = await refreshRequest(clientOf(plain), grant)
    expect([method, headers.accept, headers.authorization]).toEqual(['POST', 'application/json', undefined])
    expect(Object.fromEntries(new URLSearchParams(body ?? ''))).toEqual({
      ...{ grant_type: 'refresh_token', refresh_token: REFRESH },
      ...{ client_id: 'invented.id', client_secret: SPECIAL },
    })
  })

  test('json sends the same members', async () => {
    const { headers, body } = await refreshRequest(clientOf({ ...plain, token_body: 'json' }), grant)
    expect(headers['content-type']).toBe('application/json')
    expect(JSON.parse(body ?? '')).toEqual({
      ...{ grant_type: 'refresh_token', refresh_token: REFRESH },
      ...{ client_id: 'invented.id', client_secret: SPECIAL },
    })
  })

  const renewable = [...readCatalogue().values()].filter(
    ({ refresh, client_auth: [first] }) => refresh.uses !== 'nothing' && first !== 'tls' && first !== 'private_key_jwt',
  )
  test.each(renewable.map((provider) => [provider.id, provider] as const))(
    '%s gets what it reads',
    async (_, provider) => {
      const values = Object.fromEntries(Object.keys(provider.templates).map((name) => [name, 'invented']))
      const { method, url, headers, body } = await refreshRequest(clientOf(provider, { values }), grant)
      const address = (provider.refresh.url ?? provider.token_url).replaceAll(/\{[a-z_]+\}/g, 'invented')
      const isQuery = provider.token_body === 'query' || provider.refresh.method === 'GET'
      expect(method).toBe(provider.refresh.method)
      expect(url.origin + url.pathname).toBe(new URL(address).href)
      expect(headers.accept).toBe('application/json')
      const sent = isQuery
        ? Object.fromEntries(url.searchParams)
        : provider.token_body === 'json'
          ? (JSON.parse(body ?? '') as Record<string, string>)
          : Object.fromEntries(new URLSearchParams(body ?? ''))
      if (!isQuery) expect(url.search).toBe('')
      const presented = provider.refresh.uses === 'access_token' ? 'invented-access-token' : REFRESH
      expect(Object.values(sent)).toContain(presented)
      expect('scope' in sent).toBe(provider.refresh.sends_scope)
    },
  )
})

describe('a failure says whether the provider may have acted', () => {
  type Answer = (request: IncomingMessage, response: ServerResponse) => void
  const kinds: readonly (readonly [string, Exchanged['kind'], Answer])[] = [
    ['a reset after the request', 'ambiguous', (request) => request.socket.resetAndDestroy()],
    [
      'HTML of a proxy',
      'ambiguous',
      (_, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<html>'),
    ],
    ['an oversized answer', 'ambiguous', (_, response) => response.end('x'.repeat(2_000_000))],
    ['a redirect', 'ambiguous', (_, response) => response.writeHead(307, { location: '/elsewhere' }).end()],
    ['a dead grant', 'error', (_, response) => response.writeHead(400).end('{"error":"invalid_grant"}')],
    ['tokens', 'tokens', (_, response) => response.end('{"access_token":"invented-new","expires_in":60}')],
  ]
  test.each(kinds)('%s is %s', async (_, kind, answer) => {
    const posts: string[] = []
    const url = await listen(
      createServer((request, response) => {
        posts.push(request.url ?? '')
        request.resume().on('end', () => {
          answer(request, response)
        })
      }),
    )
    const { outcome, events } = await refreshAt(url)
    expect(outcome.kind).toBe(kind)
    expect(posts).toEqual(['/token'])
    expect(events).toMatchObject([{ operation: 'refresh', outcome: kind === 'tokens' ? 'ok' : 'error' }])
    const shown = inspect([outcome, events], { depth: null }) + JSON.stringify([outcome, events])
    for (const hidden of [REFRESH, SPECIAL, 'invented-new', 'invented-access-token'])
      expect(shown).not.toContain(hidden)
  })

  test('silence after the request is ambiguous, within the time that was given', async () => {
    const url = await listen(createServer((request) => request.resume()))
    const { outcome } = await refreshAt(url, 500)
    expect(outcome).toMatchObject({ kind: 'ambiguous', code: 'timeout' })
  })

  test('a refused connection sent nothing', async () => {
    const url = await listen(createServer())
    for (const close of closing.splice(0)) await close()
    const { outcome, events } = await refreshAt(url)
    expect(outcome).toEqual({ kind: 'not_sent', reason: 'ECONNREFUSED' })
    expect(events).toHaveLength(1)
  })

  test.each(['an end', 'silence'])('a TLS handshake that meets %s sent nothing', async (what) => {
    const url = await listen(
      createTcpServer((socket) => {
        socket.on('error', () => undefined)
        socket.on('data', () => {
          if (what === 'an end') socket.destroy()
        })
      }),
    )
    const { outcome } = await refreshAt(url.replace('http:', 'https:'), 1000)
    expect(outcome.kind).toBe('not_sent')
  })

  test('a certificate that nobody vouches for gets nothing', async () => {
    const posts: string[] = []
    const target = await listen(createServer((request) => posts.push(request.url ?? '')))
    const server = await startTls(target)
    closing.push(() => server[Symbol.asyncDispose]())
    const { outcome } = await refreshAt(server.url)
    expect(outcome).toEqual({ kind: 'not_sent', reason: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect(posts).toEqual([])
  })

  test('a template without a value sent nothing', async () => {
    const provider = { ...plain, token_url: 'https://{tenant}.example.invalid/token' }
    const templates = { tenant: { form: 'label' as const, default: null } }
    const { outcome } = await refreshAt('', 1000, { provider: { ...provider, templates } })
    expect(outcome).toEqual({ kind: 'not_sent', reason: 'no value for tenant' })
  })
})

describe('discovery', () => {
  test.each([
    ['the issuer that was asked', '', 'tokens'],
    ['another issuer', '/other', 'not_sent'],
  ] as const)('metadata of %s', async (_, suffix, kind) => {
    const paths: string[] = []
    const url: string = await listen(
      createServer((request, response) => {
        paths.push(request.url ?? '')
        const found = { issuer: url + suffix, token_endpoint: `${url}/named` }
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify(request.method === 'GET' ? found : { access_token: 'invented-new' }))
      }),
    )
    const { outcome } = await refreshAt(url, 5000, { isDiscovered: true, provider: { ...plain, issuer: url } })
    expect(outcome.kind).toBe(kind)
    expect(paths).toEqual(['/.well-known/openid-configuration', ...(kind === 'tokens' ? ['/named'] : [])])
  })
})
