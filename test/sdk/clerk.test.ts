/** The strict Clerk server is itself checked: Clerk's own SDK must read the tokens and accounts that the graph reads. */
import { createClerkClient } from '@clerk/backend'
import { expect, test } from 'vitest'
import { wireProvider } from '../../src/tokens/ids.ts'
import { startClerk } from '../servers/clerk.ts'
import { openClerk, shown } from '../upstreams/support.ts'

test('@clerk/backend reads the same tokens and accounts', async () => {
  await using server = await startClerk()
  server.addUser('user_1', { accounts: [{ provider: 'oauth_github', label: 'work' }] })
  server.addUser('user_2', { accounts: [{ provider: 'oauth_google' }] })
  server.addTokens('user_1', 'oauth_google', [{ label: 'work' }, { label: 'home', scopes: ['openid'] }])
  await using client = openClerk(server)
  const sdk = createClerkClient({
    secretKey: server.secret_key,
    apiUrl: server.url.replace(/\/v1$/, ''),
    telemetry: { disabled: true },
  })

  const { data, totalCount } = await sdk.users.getUserOauthAccessToken('user_1', 'google')
  const ours = (await client.tokens('user_1', 'oauth_google'))?.map(shown)
  expect(totalCount).toBe(2)
  expect(
    data.map(({ token, externalAccountId, label, scopes, expiresAt, provider }) => ({
      token,
      external_account_id: externalAccountId,
      label,
      scopes,
      expires_at: expiresAt,
      provider,
    })),
  ).toEqual(
    ours?.map(({ token, external_account_id, label, scopes, expires_at, provider }) => ({
      token,
      external_account_id,
      label,
      scopes,
      expires_at,
      provider: wireProvider(provider as string),
    })),
  )

  const users = await sdk.users.getUserList({ userId: ['user_1', 'user_2'], limit: 100 })
  const accounts = await client.accounts(['user_1', 'user_2'])
  for (const user of users.data) {
    const own = accounts.get(user.id)
    if (own === undefined || own instanceof Error) throw new Error('our client has other users')
    expect(user.externalAccounts.map(({ id, provider }) => ({ id, provider }))).toEqual(
      own.map(({ id, provider }) => ({ id, provider: wireProvider(provider) })),
    )
  }
  expect(users.data).toHaveLength(2)
})
