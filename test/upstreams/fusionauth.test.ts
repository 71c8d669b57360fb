import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { fusionauth } from '../../src/upstreams/fusionauth/index.ts'
import { inventUuid } from '../conformance/fixture.ts'
import { startFusionAuth } from '../servers/fusionauth.ts'
import type { FusionAuthServer } from '../servers/fusionauth.ts'
import { answers } from '../servers/misbehaviour.ts'
import { openPlatform } from './open-platform.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

const ada = inventUuid('ada')
const google = '82339786-3dff-42a6-aac6-1f1ceecb6c46'
const acme = inventUuid('acme')

const open = (server: FusionAuthServer, given: object = {}) =>
  openPlatform(fusionauth, { api_key: server.api_key, base_url: server.url, ...given })
const acmeIs = (token: string) => ({ identity_providers: { acme: { id: acme.toUpperCase(), token } } })

test('the request is the documented one: no scheme before the key, and the tenant in a header', async () => {
  const tenant_id = inventUuid('tenant')
  await using server = await startFusionAuth({ tenant_id })
  server.link(ada, google, { identityProviderType: 'Facebook' })
  await using client = open(server, { tenant_id })
  expect(await client.tokens(ada, 'oauth_facebook')).toHaveLength(1)
  expect(server.calls[0]?.path).toBe('/api/identity-provider/link')
  expect(server.calls[0]?.query.toString()).toBe(`userId=${ada}`)
  expect(server.calls[0]?.headers).toMatchObject({
    authorization: server.api_key,
    'x-fusionauth-tenantid': tenant_id,
  })
})

test('all providers of a user are one call', async () => {
  await using server = await startFusionAuth()
  server.link(ada, google, { identityProviderType: 'Facebook' })
  server.link(ada, acme)
  await using client = open(server, acmeIs('access_token'))
  const keys = ['facebook', 'acme', 'twitter'].map((provider) => ({ user_id: ada, provider }))
  expect(await client.batch(keys)).toMatchObject([{ value: [{}] }, { value: [{}] }, { value: [] }])
  expect(server.calls).toHaveLength(1)
})

describe('what the one token is depends on the provider', () => {
  test.each([
    ['Facebook', 'facebook', null],
    ['Google', 'google', 'UNSUPPORTED_CREDENTIAL'],
    ['Apple', 'apple', 'UNSUPPORTED_CREDENTIAL'],
    ['Twitter', 'twitter', 'UNSUPPORTED_CREDENTIAL'],
    ['LinkedIn', 'linkedin', 'UNSUPPORTED_CREDENTIAL'],
    ['OpenIDConnect', acme, 'UNSUPPORTED_CREDENTIAL'],
    ['SomethingNew', acme, 'UNSUPPORTED_CREDENTIAL'],
    [null, acme, 'UNSUPPORTED_CREDENTIAL'],
  ])('%s: %s is %s', async (identityProviderType, provider, code) => {
    await using server = await startFusionAuth()
    const link = server.link(ada, acme, { token: 'invented-and-maybe-a-refresh-token' })
    Object.assign(link, { identityProviderType })
    await using client = open(server)
    if (code === null) {
      expect((await client.tokens(ada, provider))?.map(shown)).toMatchObject([
        { token: 'invented-and-maybe-a-refresh-token' },
      ])
    } else {
      const error = await failureOf(client.tokens(ada, provider))
      expect(error.code).toBe(code)
      expect(everythingOf(error)).not.toContain('invented')
    }
  })

  test.each([
    ['access_token', null],
    ['refresh_token', 'UNSUPPORTED_CREDENTIAL'],
    ['id_token', 'UNSUPPORTED_CREDENTIAL'],
  ])('the configuration says %s', async (kind, code) => {
    await using server = await startFusionAuth()
    server.link(ada, acme)
    await using client = open(server, acmeIs(kind))
    if (code === null) expect(await client.tokens(ada, 'oauth_acme')).toHaveLength(1)
    else expect((await failureOf(client.tokens(ada, 'oauth_acme'))).code).toBe(code)
  })

  test('the configuration must say it', () => {
    const identity_providers = { acme: { id: acme } }
    const given = { api_key: 'invented', base_url: 'https://x.example', identity_providers }
    expect(fusionauth.options.safeParse(given).success).toBe(false)
  })
})

test('every field, and several links of one provider: a dead one hides no live one', async () => {
  await using server = await startFusionAuth()
  server.link(ada, acme, { identityProviderUserId: '7', displayName: 'work', data: { team: 'a' } })
  server.link(ada, acme, { identityProviderUserId: '8', token: '' })
  await using client = open(server, acmeIs('access_token'))
  expect((await client.tokens(ada, 'acme'))?.map(shown)).toEqual([
    {
      external_account_id: `${acme}:7`,
      provider_user_id: '7',
      token: `invented-token-${ada}`,
      expires_at: null,
      provider: 'acme',
      public_metadata: { team: 'a' },
      label: 'work',
      scopes: null,
      token_secret: null,
      id_token: null,
    },
  ])
  expect(await client.accounts(ada)).toMatchObject([
    { id: `${acme}:7`, provider: 'acme', label: 'work', created_at: 1_767_225_600, updated_at: 1_767_225_601 },
    { id: `${acme}:8` },
  ])
})

test('a token that is a JWT says when it expires', async () => {
  const key = new TextEncoder().encode('invented key of thirty-two bytes')
  const jwt = new SignJWT({ exp: 4_102_444_800 }).setProtectedHeader({ alg: 'HS256' })
  await using server = await startFusionAuth()
  server.link(ada, acme, { token: await jwt.sign(key) })
  await using client = open(server, acmeIs('access_token'))
  expect(await client.tokens(ada, 'acme')).toMatchObject([{ expires_at: 4_102_444_800 }])
})

describe.each(['not found', 'empty'] as const)('an unknown user gives %s', (unknownUser) => {
  test('and is told apart from one without links', async () => {
    await using server = await startFusionAuth({ unknownUser })
    server.users.add(ada)
    await using client = open(server)
    expect(await client.tokens(ada, 'google')).toEqual([])
    expect(await client.accounts(ada)).toEqual([])
    const nobody = inventUuid('nobody')
    expect((await failureOf(client.tokens(nobody, 'google'))).code).toBe('USER_NOT_FOUND')
    expect(await client.accounts(nobody)).toBeNull()
  })
})

test('a key that may not read users leaves it at an empty list', async () => {
  await using server = await startFusionAuth()
  server.misbehave(answers(401, ''), { path: /^\/api\/user\// })
  await using client = open(server)
  expect(await client.tokens(ada, 'google')).toEqual([])
})

test('a name that means no provider, and an id that is no UUID', async () => {
  await using server = await startFusionAuth()
  server.link(ada, acme)
  await using client = open(server)
  expect((await failureOf(client.tokens(ada, 'oauth_unheard_of'))).code).toBe('PROVIDER_NOT_CONFIGURED')
  expect((await failureOf(client.tokens('user_1', 'google'))).code).toBe('BAD_USER_INPUT')
  expect(await client.accounts('user_1')).toBeNull()
  expect(server.calls).toHaveLength(1)
})

test.each([
  [400, { fieldErrors: { userId: [{ code: '[invalid]userId', message: 'invented' }] } }, 'BAD_USER_INPUT'],
  [400, { generalErrors: [{ code: '[TenantIdRequired]', message: 'invented' }] }, 'UPSTREAM_REJECTED'],
  [401, '', 'UPSTREAM_REJECTED'],
  [429, '', 'UPSTREAM_RATE_LIMITED'],
  [500, '', 'UPSTREAM_UNAVAILABLE'],
  [200, [], 'UPSTREAM_PROTOCOL_ERROR'],
  [200, { identityProviderLinks: [{ userId: ada }] }, 'UPSTREAM_PROTOCOL_ERROR'],
])('%d %j is %s', async (status, body, code) => {
  await using server = await startFusionAuth()
  server.misbehave(answers(status, body, { 'retry-after': '3600' }))
  await using client = open(server)
  const error = await failureOf(client.tokens(ada, 'google'))
  expect(error.extensions).toMatchObject({ code, upstream_status: status })
  expect(everythingOf(error)).not.toMatch(/invented|127\.0\.0\.1/)
})

test('a link of another user is a protocol error', async () => {
  await using server = await startFusionAuth()
  server.misbehave(answers(200, { identityProviderLinks: [server.link(inventUuid('bob'), acme)] }))
  await using client = open(server, acmeIs('access_token'))
  expect((await failureOf(client.tokens(ada, 'acme'))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
})

test('every option has a description for the docs', () => {
  const { properties } = z.toJSONSchema(fusionauth.options, { io: 'input' })
  for (const option of Object.values(properties ?? {})) expect(option).toHaveProperty('description')
})
