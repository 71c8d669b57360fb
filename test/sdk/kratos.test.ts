/** The strict Kratos server is itself checked: Ory's own SDK must read the tokens that the graph reads. */
import { Configuration, IdentityApi } from '@ory/client'
import { expect, test } from 'vitest'
import { kratos } from '../../src/upstreams/kratos/index.ts'
import { inventUuid } from '../conformance/fixture.ts'
import { startKratos } from '../servers/kratos.ts'
import { openPlatform } from '../upstreams/open-platform.ts'
import { shown } from '../upstreams/support.ts'

interface StoredConfig {
  providers: { provider: string; subject: string; initial_access_token: string; initial_id_token: string }[]
}

test('@ory/client reads the same tokens, one identity or many', async () => {
  const api_key = 'ory_pat_invented_key'
  const ids = [inventUuid('ada'), inventUuid('bob')]
  await using server = await startKratos({ api_key })
  for (const id of ids) server.link(id, 'google', { initial_id_token: `invented-id-token-${id}` })
  await using client = openPlatform(kratos, { base_url: server.url, api_key })
  const ory = new IdentityApi(new Configuration({ basePath: server.url, accessToken: api_key }))

  const { data } = await ory.listIdentities({ ids, includeCredential: ['oidc'] })
  expect(data.map(({ id }) => id).sort()).toEqual([...ids].sort())
  for (const identity of data) {
    const [stored] = (identity.credentials!.oidc!.config as StoredConfig).providers
    const [token] = (await client.tokens(identity.id, 'oauth_google')) ?? []
    expect(shown(token!)).toMatchObject({
      token: stored?.initial_access_token,
      id_token: stored?.initial_id_token,
      provider_user_id: stored?.subject,
      external_account_id: identity.credentials?.oidc?.identifiers?.[0],
    })
    const one = await ory.getIdentity({ id: identity.id, includeCredential: ['oidc'] })
    expect(one.data.credentials).toEqual(identity.credentials)
  }
})
