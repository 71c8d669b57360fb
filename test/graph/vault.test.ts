/** The embedded vault behind the graph. */
import { expect, it } from 'vitest'
import { userIds } from '../kit/graph-over-clerk.ts'
import { account, inSeconds, startGraphOverVault } from './vault.ts'

it('reads 100 users x 2 providers with one SQL statement', async () => {
  const ids = userIds(100)
  const providers = ['oauth_google', 'oauth_github']
  await using graph = await startGraphOverVault(ids.flatMap((id) => providers.map((provider) => account(id, provider))))
  const { data, errors } = await graph.server.ask<{ users: Record<string, { token: string }[]>[] }>(
    `query ($ids: [ID!]!) { users(ids: $ids) {
      google: oauth_access_tokens(provider: "google") { token }
      github: oauth_access_tokens(provider: "github") { token }
    } }`,
    { variables: { ids } },
  )
  expect(errors).toBeUndefined()
  expect(data?.users).toEqual(
    ids.map((id) => ({
      google: [{ token: `invented-token-${id}-oauth_google` }],
      github: [{ token: `invented-token-${id}-oauth_github` }],
    })),
  )
  expect(graph.statements()).toEqual([{ operation: 'select tokens', keys: 200 }])
})

it('reads the external accounts of 100 users with one SQL statement', async () => {
  const ids = userIds(100)
  await using graph = await startGraphOverVault(
    ids.map((id) => account(id, 'google', { email_address: `${id}@example.com`, scopes: ['email'] })),
  )
  const { data } = await graph.server.ask<{ users: object[] }>(
    `query ($ids: [ID!]!) { users(ids: $ids) { external_accounts { email_address provider approved_scopes } } }`,
    { variables: { ids } },
  )
  expect(data?.users).toEqual(
    ids.map((id) => ({
      external_accounts: [{ email_address: `${id}@example.com`, provider: 'oauth_google', approved_scopes: ['email'] }],
    })),
  )
  expect(graph.statements()).toEqual([{ operation: 'select accounts', keys: 100 }])
})

it('asks for consent when the only stored token has expired, or expires sooner than asked', async () => {
  await using graph = await startGraphOverVault([
    account('user_1', 'google', { expires_at: inSeconds(-1) }),
    account('user_1', 'github', { expires_at: inSeconds(600) }),
    account('user_1', 'slack', { expires_at: null }),
  ])
  const { data, errors } = await graph.server.ask(`{ user(id: "user_1") {
    expired: oauth_access_tokens(provider: "google") { token }
    long_enough: oauth_access_tokens(provider: "github", min_validity_seconds: 300) { token }
    too_short: oauth_access_tokens(provider: "github", min_validity_seconds: 3600) { token }
    unknown_expiry: oauth_access_tokens(provider: "slack", min_validity_seconds: 3600) { token }
    none: oauth_access_tokens(provider: "x") { token }
  } }`)
  expect(data).toEqual({
    user: {
      expired: null,
      long_enough: [{ token: 'invented-token-user_1-github' }],
      too_short: null,
      unknown_expiry: [{ token: 'invented-token-user_1-slack' }],
      none: [],
    },
  })
  expect(errors?.map(({ path, extensions }) => [path?.at(-1), extensions.code]).sort()).toEqual([
    ['expired', 'REAUTHORIZATION_REQUIRED'],
    ['too_short', 'REAUTHORIZATION_REQUIRED'],
  ])
})

it('lets one expired account hide no live one, unless that account is asked for', async () => {
  await using graph = await startGraphOverVault([
    account('user_1', 'google', { external_account_id: 'eac_dead', expires_at: inSeconds(-1) }),
    account('user_1', 'google', { external_account_id: 'eac_live', expires_at: inSeconds(600) }),
  ])
  const { data, errors } = await graph.server.ask(`{ user(id: "user_1") {
    any: oauth_access_tokens(provider: "google") { external_account_id }
    live: oauth_access_tokens(provider: "google", external_account_id: "eac_live") { external_account_id }
    dead: oauth_access_tokens(provider: "google", external_account_id: "eac_dead") { external_account_id }
    other: oauth_access_tokens(provider: "google", external_account_id: "eac_other") { external_account_id }
    connection: oauth_connection(provider: "google") { status oauth_access_tokens { external_account_id } }
    external_accounts { external_account_id }
  } }`)
  const live = [{ external_account_id: 'eac_live' }]
  expect(data).toEqual({
    user: {
      any: live,
      live,
      dead: null,
      other: [],
      connection: { status: 'CONNECTED', oauth_access_tokens: live },
      external_accounts: [{ external_account_id: 'eac_dead' }, { external_account_id: 'eac_live' }],
    },
  })
  expect(errors).toMatchObject([{ path: ['user', 'dead'], extensions: { code: 'REAUTHORIZATION_REQUIRED' } }])
})
