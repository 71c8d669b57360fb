/** The strict tenant is itself checked: Auth0's own SDK must read the tokens that the graph reads. */
import { ManagementClient } from 'auth0'
import { expect, test } from 'vitest'
import { startAuth0 } from '../servers/auth0.ts'
import { openAuth0 } from '../upstreams/auth0-support.ts'
import { shown } from '../upstreams/support.ts'

test('auth0 reads the same tokens, one user or a search', async () => {
  await using server = await startAuth0()
  const ids = ['auth0|1', 'google-oauth2|2']
  for (const id of ids) server.addIdentity(id, 'google-oauth2', { user_id: id.at(-1)! })
  await using client = openAuth0(server)
  const sdk = new ManagementClient({
    domain: new URL(server.url).host,
    clientId: server.client_id,
    clientSecret: server.client_secret,
    audience: server.audience,
    // The SDK knows https alone.
    fetch: (url, init) => fetch((url as string).replace(/^https:/, 'http:'), init),
  })

  const ours = await client.batch(ids.map((user_id) => ({ user_id, provider: 'google-oauth2' })))
  const tokensOfOurs = ours.map((outcome) => outcome.status === 'fulfilled' && shown(outcome.value![0]!).token)

  const one = await sdk.users.get(ids[0]!, { fields: 'user_id,identities', include_fields: true })
  expect(one.identities?.map(({ access_token }) => access_token)).toEqual([tokensOfOurs[0]])

  const page = await sdk.users.list({
    q: `user_id:(${ids.map((id) => `"${id}"`).join(' OR ')})`,
    search_engine: 'v3',
    per_page: 50,
    fields: 'user_id,identities',
    include_fields: true,
  })
  const found = new Map(page.data.map(({ user_id, identities }) => [user_id, identities?.[0]?.access_token]))
  expect(ids.map((id) => found.get(id))).toEqual(tokensOfOurs)
})
