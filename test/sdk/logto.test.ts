/** The strict Logto server is itself checked: Logto's own SDK must read what the graph reads (tokens are not in its API). */
import { createManagementApi } from '@logto/api/management'
import { expect, test } from 'vitest'
import { logto } from '../../src/upstreams/logto/index.ts'
import { startLogto } from '../servers/logto.ts'
import { openPlatform } from '../upstreams/open-platform.ts'
import { shown } from '../upstreams/support.ts'

test('@logto/api reads the same accounts, and makes a subject token that leads to the same token', async () => {
  await using server = await startLogto()
  server.link('user_1', 'github', {
    details: { email: 'ada@example.invalid' },
    secret: { access_token: 'invented-token' },
  })
  const { management, exchange, url } = server
  await using client = openPlatform(logto, { base_url: url, ...management, exchange })
  const { apiClient } = createManagementApi('default', {
    clientId: management.client_id,
    clientSecret: management.client_secret,
    baseUrl: url,
    apiIndicator: server.resource,
  })

  const identities = await apiClient.GET('/api/users/{userId}/all-identities', {
    params: { path: { userId: 'user_1' }, query: { includeTokenSecret: 'true' } },
  })
  const [identity] = identities.data?.socialIdentities ?? []
  expect(await client.accounts('user_1')).toMatchObject([
    {
      provider: identity?.target,
      provider_user_id: identity?.tokenSecret?.identityId,
      email_address: identity?.identity.details?.email,
      created_at: Math.floor((identity?.tokenSecret?.createdAt ?? 0) / 1000),
    },
  ])

  const subject = await apiClient.POST('/api/subject-tokens', { body: { userId: 'user_1', context: {} } })
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subject.data!.subjectToken,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    scope: 'openid identities',
    ...exchange,
  })
  const granted = (await (await fetch(`${url}/oidc/token`, { method: 'POST', body: form })).json()) as {
    access_token: string
  }
  const answer = await fetch(`${url}/api/my-account/identities/github/access-token`, {
    headers: { authorization: `Bearer ${granted.access_token}` },
  })
  const { access_token } = (await answer.json()) as { access_token: string }
  const [token] = (await client.tokens('user_1', 'github')) ?? []
  expect(shown(token!).token).toBe(access_token)
})
