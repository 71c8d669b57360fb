/** Every form in which a provider's answer is stored (docs/platforms/keycloak.md section 2). */
import { UnsecuredJWT } from 'jose'
import { expect, test } from 'vitest'
import { startKeycloak } from '../servers/keycloak.ts'
import type { KeycloakLink } from '../servers/keycloak-exchange.ts'
import { openKeycloak } from './keycloak-support.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { shown } from './support.ts'

async function read(stored: KeycloakLink['stored']) {
  await using server = await startKeycloak()
  server.link('user_1', 'google', { stored })
  await using client = openKeycloak(server)
  return await client.tokens('user_1', 'google', await server.sign('user_1'))
}

test('OpenID Connect: the absolute expiry, the id out of the ID token, no refresh token', async () => {
  const id_token = new UnsecuredJWT({ sub: 'invented-google-id' }).encode()
  const tokens = await read({
    access_token: 'invented-token',
    expires_in: 3599,
    refresh_token: 'invented-refresh',
    refresh_expires_in: 0,
    token_type: 'Bearer',
    id_token,
    scope: 'openid email',
    accessTokenExpiration: 4_102_444_800,
  })
  expect(tokens?.map(shown)).toEqual([
    {
      external_account_id: 'google:invented-google-id',
      provider_user_id: 'invented-google-id',
      token: 'invented-token',
      expires_at: 4_102_444_800,
      provider: 'google',
      public_metadata: {},
      label: null,
      scopes: ['openid', 'email'],
      token_secret: null,
      id_token,
    },
  ])
})

test('expires_in alone counts from a login of unknown time: the expiry is unknown', async () => {
  expect(await read({ access_token: 'invented-token', expires_in: 3599 })).toMatchObject([{ expires_at: null }])
})

test('form-encoded, as GitHub once answered', async () => {
  const tokens = await read('access_token=invented-token&scope=repo%2Cuser%3Aemail&token_type=bearer')
  expect(tokens?.map(shown)).toMatchObject([
    {
      token: 'invented-token',
      scopes: ['repo', 'user:email'],
      provider_user_id: '',
      external_account_id: 'google:user_1',
    },
  ])
})

test('OAuth 1.0', async () => {
  const stored = { oauth_token: 'invented-1', oauth_token_secret: 'invented-2', screen_name: 'ada', user_id: '7' }
  expect((await read(stored))?.map(shown)).toMatchObject([
    {
      token: 'invented-1',
      token_secret: 'invented-2',
      label: 'ada',
      external_account_id: 'google:7',
      public_metadata: { screen_name: 'ada' },
      scopes: null,
    },
  ])
})

test('a SAML assertion is no OAuth token', async () => {
  const xml = '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">invented-page-text</saml:Assertion>'
  const error = await failureOf(read(xml))
  expect(error.code).toBe('UNSUPPORTED_CREDENTIAL')
  expect(everythingOf(error)).not.toContain('invented-page-text')
})

test.each(['<html>invented-page</html>', 'no=token&here=1', '', '{"access_token":""}', '[]', '"invented-token"'])(
  '%j is a protocol error',
  async (stored) => {
    expect((await failureOf(read(stored))).code).toBe('UPSTREAM_PROTOCOL_ERROR')
  },
)

test('an expired token: refreshed by Keycloak where it can, else consent is needed', async () => {
  const expired = { access_token: 'invented-old', accessTokenExpiration: 1_700_000_000 }
  expect((await read({ ...expired, refresh_token: 'invented-refresh' }))?.map(shown)).toMatchObject([
    { token: 'invented-refreshed-token', expires_at: 4_102_444_800 },
  ])
  for (const stored of [expired, { ...expired, refresh_token: 'invented-dead-refresh-token' }])
    expect((await failureOf(read(stored))).code).toBe('REAUTHORIZATION_REQUIRED')
})
