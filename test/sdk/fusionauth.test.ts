/** The strict FusionAuth server is itself checked: FusionAuth's own SDK must read the token that the graph reads. */
import { FusionAuthClient } from '@fusionauth/typescript-client'
import { expect, test } from 'vitest'
import { fusionauth } from '../../src/upstreams/fusionauth/index.ts'
import { inventUuid } from '../conformance/fixture.ts'
import { startFusionAuth } from '../servers/fusionauth.ts'
import { openPlatform } from '../upstreams/open-platform.ts'
import { shown } from '../upstreams/support.ts'

test('@fusionauth/typescript-client reads the same links, and the same token', async () => {
  const [ada, acme, tenant_id] = [inventUuid('ada'), inventUuid('acme'), inventUuid('tenant')]
  await using server = await startFusionAuth({ tenant_id })
  server.link(ada, acme, { identityProviderUserId: '7' })
  server.link(ada, inventUuid('google'), { identityProviderType: 'Google', token: 'invented-id-token' })
  const { api_key, url } = server
  await using client = openPlatform(fusionauth, {
    api_key,
    base_url: url,
    tenant_id,
    identity_providers: { acme: { id: acme, token: 'access_token' } },
  })
  const sdk = new FusionAuthClient(api_key, url, tenant_id)

  const one = await sdk.retrieveUserLink(acme, '7', ada)
  const link = one.response.identityProviderLink
  const [token] = (await client.tokens(ada, 'oauth_acme')) ?? []
  expect(shown(token!)).toMatchObject({
    token: link?.token,
    provider_user_id: link?.identityProviderUserId,
    label: link?.displayName,
  })

  // Without a provider the SDK sends the word "undefined" in its place: it can only list one provider at a time.
  const { response } = await sdk.retrieveUserLinksByUserId(acme, ada)
  expect(
    response.identityProviderLinks?.map((each) => `${each.identityProviderId!}:${each.identityProviderUserId!}`),
  ).toEqual([token?.external_account_id])
})
