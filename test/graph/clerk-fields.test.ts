/** The graph answers with the fields of Clerk's answer. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

const allFields = `object external_account_id provider_user_id token expires_at provider public_metadata label scopes
  token_secret id_token`

function askAll(provider: string, more = ''): string {
  return `{ oauth_access_tokens(user_id: "user_1", provider: "${provider}"${more}) { ${allFields} } }`
}

const documented = {
  object: 'oauth_access_token' as const,
  external_account_id: 'eac_1',
  provider_user_id: '1099',
  token: 'invented-token-1',
  expires_at: 4_102_444_800,
  provider: 'oauth_google',
  public_metadata: { plan: 'team', deep: { list: [1, 'two', null, { three: true }] } },
  label: 'work',
  scopes: ['openid', 'email'],
  token_secret: null,
  id_token: 'invented-id-token-1',
}

it('gives the ten documented fields unchanged', async () => {
  await using graph = await startGraphOverClerk()
  const { token_secret: _absent, ...sent } = documented
  graph.clerk.addTokens('user_1', 'oauth_google', [sent])
  const { data } = await graph.server.ask(askAll('google'))
  expect(data).toEqual({ oauth_access_tokens: [documented] })
})

it('gives an OAuth 1.0 token with its secret and null scopes', async () => {
  await using graph = await startGraphOverClerk()
  const { scopes: _none, id_token: _neither, ...sent } = { ...documented, provider: 'oauth_x', expires_at: null }
  graph.clerk.addTokens('user_1', 'oauth_x', [{ ...sent, token_secret: 'invented-secret-1' }])
  const { data } = await graph.server.ask<{ oauth_access_tokens: object[] }>(askAll('x'))
  expect(data?.oauth_access_tokens).toMatchObject([
    { token_secret: 'invented-secret-1', expires_at: null, provider: 'oauth_x' },
  ])
})

it('gives two accounts, one by its id, and an empty list without an error for none', async () => {
  await using graph = await startGraphOverClerk()
  graph.clerk.addTokens('user_1', 'oauth_google', [
    { external_account_id: 'eac_1', label: 'work' },
    { external_account_id: 'eac_2', label: null },
  ])
  const ids = `external_account_id label`
  expect(
    await graph.server.ask(`{ user(id: "user_1") {
      both: oauth_access_tokens(provider: "google") { ${ids} }
      one: oauth_access_tokens(provider: "google", external_account_id: "eac_2") { ${ids} }
      none: oauth_access_tokens(provider: "github") { ${ids} }
    } }`),
  ).toEqual({
    data: {
      user: {
        both: [
          { external_account_id: 'eac_1', label: 'work' },
          { external_account_id: 'eac_2', label: null },
        ],
        one: [{ external_account_id: 'eac_2', label: null }],
        none: [],
      },
    },
  })
})

it('returns any JSON object as it is, without keys that could reach a prototype', async () => {
  await using graph = await startGraphOverClerk({}, { cache: { seconds: 0 } })
  const ask = async (public_metadata: Record<string, unknown>): Promise<unknown> => {
    graph.clerk.addTokens('user_1', 'oauth_google', [{ public_metadata }])
    const { data } = await graph.server.ask<{ oauth_access_tokens: { public_metadata: unknown }[] }>(askAll('google'))
    return data?.oauth_access_tokens[0]?.public_metadata
  }
  // `fc.json` never makes the forbidden keys at random, so they are planted.
  const planted = fc.constantFrom('__proto__', 'constructor', 'prototype', 'plain')
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), planted, async (object, key) => {
      const sent = JSON.parse(JSON.stringify(object)) as object
      const forbidden = JSON.parse(`{ "${key}": { "polluted": true }, "in": [{ "${key}": 1 }] }`) as object
      expect(await ask({ sent, forbidden })).toEqual({
        sent: withoutForbidden(sent),
        forbidden: key === 'plain' ? forbidden : { in: [{}] },
      })
    }),
    { numRuns: 60 },
  )
})

/** The model: the same object, key by key, without the three names. */
function withoutForbidden(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutForbidden)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !['__proto__', 'constructor', 'prototype'].includes(key))
      .map(([key, child]) => [key, withoutForbidden(child)]),
  )
}
