/** The exact request that revokes at each provider of the catalogue, and what answers mean. */
import { describe, expect, test } from 'vitest'
import { secret } from '../../../src/lib/secret.ts'
import type { Grant, OAuthClient } from '../../../src/upstreams/vault/clients/clients.ts'
import { firstKind, judgeRevocation, revocationRequest } from '../../../src/upstreams/vault/disconnect/request.ts'
import { readCatalogue } from '../../../src/upstreams/vault/providers/catalogue.ts'

const [ID, SECRET] = ['invented.id', 'invented-secret']
const [ACCESS, REFRESH] = ['invented-access', 'invented-refresh']
const rawBasic = `Basic ${Buffer.from(`${ID}:${SECRET}`).toString('base64')}`
const values = { host: 'own.example.com', instance: 'dev1', shard: 'secure.eu1', data_centre: 'eu' }

const posted = { client_id: ID, client_secret: SECRET }
const refreshForm = { token: REFRESH, token_type_hint: 'refresh_token' }
const rfcPost = { form: { ...refreshForm, ...posted } }
const rfcBasic = { authorization: rawBasic, form: refreshForm }

interface Expected {
  readonly method?: string
  readonly url: string
  readonly authorization?: string
  readonly form?: Readonly<Record<string, string>>
  readonly json?: unknown
  /** Of `Notion-Version`. */
  readonly version?: string
}

const expected: Readonly<Record<string, Expected>> = {
  'acrobat-sign': { url: 'https://secure.eu1/oauth/v2/revoke', form: { token: REFRESH } },
  asana: { url: 'https://app.asana.com/-/oauth_revoke', ...rfcPost },
  autodesk: { url: 'https://developer.api.autodesk.com/authentication/v2/revoke', ...rfcBasic },
  box: { url: 'https://api.box.com/oauth2/revoke', ...rfcPost },
  calendly: { url: 'https://auth.calendly.com/oauth/revoke', ...rfcBasic },
  canva: { url: 'https://api.canva.com/rest/v1/oauth/revoke', ...rfcBasic },
  discord: { url: 'https://discord.com/api/oauth2/token/revoke', ...rfcBasic },
  dropbox: { url: 'https://api.dropboxapi.com/2/auth/token/revoke', authorization: `Bearer ${ACCESS}` },
  ebay: { url: 'https://api.ebay.com/identity/v1/oauth2/revoke', ...rfcBasic },
  fitbit: { url: 'https://api.fitbit.com/oauth2/revoke', ...rfcBasic },
  github: {
    method: 'DELETE',
    url: `https://api.github.com/applications/${ID}/grant`,
    authorization: rawBasic,
    json: { access_token: ACCESS },
  },
  gitlab: { url: 'https://own.example.com/oauth/revoke', ...rfcPost },
  google: { url: 'https://oauth2.googleapis.com/revoke', form: { token: REFRESH } },
  hubspot: { method: 'DELETE', url: `https://api.hubapi.com/oauth/v1/refresh-tokens/${REFRESH}` },
  linear: { url: 'https://api.linear.app/oauth/revoke', ...rfcPost },
  linkedin: { url: 'https://www.linkedin.com/oauth/v2/revoke', ...rfcPost },
  notion: {
    url: 'https://api.notion.com/v1/oauth/revoke',
    authorization: rawBasic,
    json: { token: ACCESS },
    version: '2025-09-03',
  },
  pipedrive: { url: 'https://oauth.pipedrive.com/oauth/revoke', ...rfcBasic },
  quickbooks: {
    url: 'https://developer.api.intuit.com/v2/oauth2/tokens/revoke',
    authorization: rawBasic,
    json: { token: REFRESH },
  },
  reddit: { url: 'https://www.reddit.com/api/v1/revoke_token', ...rfcBasic },
  ringcentral: { url: 'https://platform.ringcentral.com/restapi/oauth/revoke', ...rfcBasic },
  salesforce: { url: 'https://own.example.com/services/oauth2/revoke', ...rfcPost },
  servicenow: { url: 'https://dev1.service-now.com/oauth_revoke_token.do', form: { token: REFRESH } },
  slack: { url: 'https://slack.com/api/auth.revoke', authorization: `Bearer ${ACCESS}` },
  square: {
    url: 'https://connect.squareup.com/oauth2/revoke',
    authorization: `Client ${SECRET}`,
    json: { client_id: ID, access_token: ACCESS },
  },
  strava: { url: 'https://www.strava.com/oauth/deauthorize', authorization: `Bearer ${ACCESS}` },
  tiktok: {
    url: 'https://open.tiktokapis.com/v2/oauth/revoke/',
    form: { token: ACCESS, token_type_hint: 'access_token', client_key: ID, client_secret: SECRET },
  },
  twitch: { url: 'https://id.twitch.tv/oauth2/revoke', form: { client_id: ID, token: ACCESS } },
  x: { url: 'https://api.x.com/2/oauth2/revoke', ...rfcBasic },
  xero: { url: 'https://identity.xero.com/connect/revocation', ...rfcBasic },
  zoho: { url: `https://accounts.zoho.eu/oauth/v2/token/revoke?token=${REFRESH}` },
  zoom: {
    url: 'https://zoom.us/oauth/revoke',
    authorization: rfcBasic.authorization,
    form: { token: ACCESS, token_type_hint: 'access_token' },
  },
}

const grantOf = (changes: Partial<Grant> = {}): Grant => ({
  ...{ refreshToken: secret(REFRESH), accessToken: secret(ACCESS), scopes: null, kept: {} },
  ...{ earlierLifetimeSeconds: null, nowSeconds: 1_800_000_000 },
  ...changes,
})

function clientOf(id: string): OAuthClient {
  const provider = readCatalogue().get(id)!
  const own = Object.keys(provider.templates)
  return {
    ...{ name: id, provider, clientId: ID, clientSecret: secret(SECRET), privateKey: null, isDiscovered: false },
    ...{ clientAuth: provider.client_auth[0]!, credentialsId: 'invented', scopes: [], userScopes: [] },
    values: Object.fromEntries(Object.entries(values).filter(([name]) => own.includes(name))),
  }
}

async function requestOf(id: string, grant = grantOf()) {
  const client = clientOf(id)
  const revoke = client.provider.revoke!
  return revocationRequest(client, grant, revoke, firstKind(revoke, grant)!)
}

test('every provider of the catalogue with a revocation is here', () => {
  const known = [...readCatalogue().values()].flatMap(({ id, revoke }) => (revoke === null ? [] : [id]))
  expect(Object.keys(expected).toSorted()).toEqual(known.toSorted())
})

test.each(Object.entries(expected))('the request of %s', async (id, { method = 'POST', url, ...rest }) => {
  const request = await requestOf(id)
  expect(request.method).toBe(method)
  expect(request.url.href).toBe(url)
  expect(request.headers.authorization).toBe(rest.authorization)
  expect(request.headers['Notion-Version']).toBe(rest.version)
  const type = request.headers['content-type'] ?? null
  if (rest.form !== undefined) {
    expect(type).toMatch(/^application\/x-www-form-urlencoded/)
    expect(Object.fromEntries(new URLSearchParams(request.body ?? ''))).toEqual(rest.form)
  } else if (rest.json !== undefined) {
    expect(type).toBe('application/json')
    expect(JSON.parse(request.body ?? '')).toEqual(rest.json)
  } else {
    expect(request.body ?? '').toBe('')
    expect(type).toBeNull()
  }
})

test('a sandbox of Salesforce is asked at its own host', async () => {
  const { url } = await requestOf(
    'salesforce',
    grantOf({ kept: { instance_url: 'https://acme--dev.sandbox.my.salesforce.com' } }),
  )
  expect(url.href).toBe('https://acme--dev.sandbox.my.salesforce.com/services/oauth2/revoke')
  for (const instance_url of ['http://plain.example.com', 'https://u:p@host.example.com', 'no url'])
    await expect(requestOf('salesforce', grantOf({ kept: { instance_url } }))).rejects.toThrow('instance_url')
})

test('without a refresh token the access token is presented', async () => {
  const { body } = await requestOf('box', grantOf({ refreshToken: null }))
  expect(Object.fromEntries(new URLSearchParams(body ?? ''))).toMatchObject({
    token: ACCESS,
    token_type_hint: 'access_token',
  })
  expect(firstKind(readCatalogue().get('hubspot')!.revoke!, grantOf({ refreshToken: null }))).toBeNull()
})

describe('an answer', () => {
  const judge = (status: number, body: unknown, id = 'box', isWhole = true, headers: Record<string, string> = {}) =>
    judgeRevocation(
      {
        status,
        body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
        header: (name) => headers[name],
      },
      readCatalogue().get(id)!.revoke!,
      isWhole,
    )

  test.each([
    [200, ''],
    [200, {}],
    [204, ''],
    [200, '<html>'],
    [200, { ok: true, revoked: true }],
    [400, { error: 'invalid_token' }],
    [200, { ok: false, error: 'token_revoked' }],
  ])('%i %j means that nothing lives any more', (status, body) => {
    expect(judge(status, body)).toEqual({ kind: 'revoked' })
  })

  test.each([
    [400, { error: 'invalid_client' }, 'invalid_client'],
    [401, '', 'http_401'],
    [503, 'busy', 'http_503'],
    [500, { error: 'invalid_token' }, 'invalid_token'],
    [302, '', 'redirect'],
    [200, { ok: false }, 'refused'],
    [200, { ok: false, error: 'ratelimited' }, 'ratelimited'],
    [404, 'not found', 'http_404'],
  ])('%i %j is asked again', (status, body, code) => {
    expect(judge(status, body)).toEqual({ kind: 'retry', code, retryAfterMs: null })
  })

  test('says when to ask again, that a token cannot be revoked, and that a grant is gone', () => {
    expect(judge(429, '', 'box', true, { 'retry-after': '90' })).toMatchObject({ retryAfterMs: 90_000 })
    expect(judge(400, { error: 'unsupported_token_type' })).toMatchObject({ kind: 'unsupported' })
    expect(judge(404, { message: 'Not Found' }, 'github')).toEqual({ kind: 'revoked' })
  })

  test('a dead access token says nothing about the refresh token beside it', () => {
    expect(judge(401, { error: 'token_expired' }, 'slack', false)).toMatchObject({ kind: 'retry' })
  })

  test('what looks like no code is not repeated', () => {
    expect(judge(400, { error: `line\n${SECRET}` })).toMatchObject({ code: 'refused' })
  })
})
