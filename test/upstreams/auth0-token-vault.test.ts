/** The exchange of Token Vault: what is signed and sent, and what the answers mean (docs/platforms/auth0-token-vault.md). */
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { auth0TokenVault } from '../../src/upstreams/auth0-token-vault/index.ts'
import { oauthFailure } from '../servers/auth0-exchange.ts'
import { privatePem, startAuth0Worker } from '../servers/auth0-worker.ts'
import { answers } from '../servers/misbehaviour.ts'
import { openPlatform } from './open-platform.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

type Server = Awaited<ReturnType<typeof startAuth0Worker>>
const open = (server: Server, given: object = {}) =>
  openPlatform(auth0TokenVault, { ...server.options, management: server.management, ...given })

test('every request signs a new subject token, and the client assertion with the same key', async () => {
  await using server = await startAuth0Worker()
  const token = server.connect('auth0|1', 'github')
  await using client = open(server, { audit_context: 'invented audit', organization_id: 'org_1' })
  const before = Math.floor(Date.now() / 1000)
  const [first] = (await client.tokens('auth0|1', 'github')) ?? []
  await client.tokens('auth0|1', 'github')
  expect(shown(first!)).toMatchObject({ token, external_account_id: 'github|auth0|1', scopes: ['email', 'profile'] })
  expect(first?.expires_at).toBeGreaterThanOrEqual(before + 3000)
  const forms = server.calls.map(({ body }) => new URLSearchParams(body))
  const subjects = forms.map((form) => form.get('subject_token')!)
  expect(decodeProtectedHeader(subjects[0]!)).toEqual({ alg: 'RS256', typ: 'token-vault-req+jwt', kid: 'k1' })
  expect(decodeJwt(subjects[0]!)).toMatchObject({
    sub: 'auth0|1',
    aud: `${server.url}/`,
    iss: 'invented-worker',
    audit_context: 'invented audit',
    org_id: 'org_1',
  })
  expect(new Set(subjects.map((jwt) => decodeJwt(jwt).jti)).size).toBe(2)
  expect(decodeJwt(forms[0]!.get('client_assertion')!)).toMatchObject({
    sub: 'invented-worker',
    iss: 'invented-worker',
  })
  expect(forms[0]!.has('scope')).toBe(false)
})

test('a client with a secret sends it, and no assertion', async () => {
  await using server = await startAuth0Worker({ client_secret: 'invented-worker-secret' })
  server.connect('auth0|1', 'github')
  await using client = open(server)
  expect(await client.tokens('auth0|1', 'github')).toHaveLength(1)
})

test('an exchange is never sent again: each JWT may be used once', async () => {
  await using server = await startAuth0Worker()
  server.misbehave(answers(503, ''), { times: 1 })
  await using client = open(server)
  expect((await failureOf(client.tokens('auth0|1', 'github'))).code).toBe('UPSTREAM_UNAVAILABLE')
  expect(server.calls).toHaveLength(1)
})

test.each([
  [401, 'federated_connection_refresh_token_flow_failed', 'REAUTHORIZATION_REQUIRED'],
  [401, 'invalid_client', 'UPSTREAM_REJECTED'],
  [403, 'invalid_grant', 'UPSTREAM_REJECTED'],
  [403, 'unauthorized_client', 'UPSTREAM_REJECTED'],
  [403, 'access_denied', 'PROVIDER_NOT_CONFIGURED'],
  [400, 'invalid_request', 'UPSTREAM_REJECTED'],
  [429, 'too_many_requests', 'UPSTREAM_RATE_LIMITED'],
  [401, 'invented_code', 'UPSTREAM_REJECTED'],
  [500, 'invented_code', 'UPSTREAM_UNAVAILABLE'],
])('%d %s is %s', async (status, error, code) => {
  await using server = await startAuth0Worker()
  server.misbehave(answers(status, oauthFailure(status, error).body))
  await using client = open(server)
  const failure = await failureOf(client.tokens('auth0|1', 'github'))
  expect(failure.extensions).toMatchObject({ code, upstream_status: status })
  expect(failure.extensions.upstream_code).toBe(error === 'invented_code' ? undefined : error)
  expect(everythingOf(failure)).not.toMatch(/upstream-text|127\.0\.0\.1|BEGIN|invented-worker/)
})

test('a lifetime and a scope of nothing are unknown', async () => {
  await using server = await startAuth0Worker()
  server.connect('auth0|1', 'github', { extra: { expires_in: 0, scope: '' } })
  await using client = open(server)
  expect(await client.tokens('auth0|1', 'github')).toMatchObject([{ expires_at: null, scopes: null }])
})

test('accounts are read page by page; the second one of a connection has a different id', async () => {
  await using server = await startAuth0Worker()
  server.connect('auth0|1', 'github')
  for (let n = 0; n < 60; n++) server.connect('auth0|1', 'google-oauth2')
  await using client = open(server)
  const accounts = await client.accounts('auth0|1')
  expect(accounts).toHaveLength(61)
  expect(accounts?.slice(0, 3).map(({ id }) => id)).toEqual(['github|auth0|1', 'google-oauth2|auth0|1', 'cac_2'])
  expect(accounts?.[0]).toMatchObject({ approved_scopes: ['email', 'profile'], created_at: 1_767_225_600 })
  expect(await client.accounts('auth0|nobody')).toBeNull()
})

test('a cursor that never ends is a protocol error', async () => {
  await using server = await startAuth0Worker()
  let n = 0
  server.misbehave((response) => answers(200, { connected_accounts: [], next: `cursor-${String(n++)}` })(response), {
    path: /connected-accounts/,
  })
  await using client = open(server)
  expect((await failureOf(client.accounts('auth0|1'))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
})

test('the key has to be one, and to fit the algorithm; no refusal shows it', () => {
  const required = { base_url: 'https://acme.example.com', client_id: 'a', private_key: privatePem }
  const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const ecPem = elliptic.export({ format: 'pem', type: 'pkcs8' }) as string
  expect(auth0TokenVault.options.safeParse(required).success).toBe(true)
  expect(auth0TokenVault.options.safeParse({ ...required, algorithm: 'ES256', private_key: ecPem }).success).toBe(true)
  // As .env files keep it: on one line.
  const onOneLine = privatePem.trim().replaceAll('\n', '\\n')
  expect(auth0TokenVault.options.safeParse({ ...required, private_key: onOneLine }).success).toBe(true)
  for (const given of [{ algorithm: 'ES256' }, { private_key: ecPem }, { private_key: 'invented-key-material' }]) {
    const { success, error } = auth0TokenVault.options.safeParse({ ...required, ...given })
    expect(success).toBe(false)
    expect(JSON.stringify(error) + String(error)).not.toMatch(/BEGIN|invented-key/)
  }
})
