/** What every server of the benchmark answers: the rows, the schema and the operations, the same for all. */

/** The ten documented fields. */
const FIELDS = `object external_account_id provider_user_id token expires_at provider public_metadata label scopes
  token_secret`

/** For the peers; tokengraph has its own. */
export const typeDefs = `
  scalar JSON
  enum OAuthAccessTokenObject { oauth_access_token }
  type OAuthAccessToken {
    object: OAuthAccessTokenObject! external_account_id: ID! provider_user_id: String! token: String! expires_at: Float
    provider: String! public_metadata: JSON! label: String scopes: [String!] token_secret: String
  }
  type User { id: ID! oauth_access_tokens(provider: String!): [OAuthAccessToken!] }
  type Query { user(id: ID!): User users(ids: [ID!]!): [User]! }
`

function makeRow(user: string, provider: string) {
  return {
    object: 'oauth_access_token',
    external_account_id: `eac_${user}`,
    provider_user_id: '1234567890',
    token: `ya29.${'x'.repeat(160)}`,
    expires_at: 1_893_456_000,
    provider,
    public_metadata: { plan: 'pro', seats: [1, 2, 3], nested: { a: true } },
    label: null,
    scopes: ['email', 'profile', 'openid', 'https://www.googleapis.com/auth/userinfo.email'],
    token_secret: null,
  }
}

export type Row = ReturnType<typeof makeRow>

const rows = new Map<string, Row[]>()

/** The rows of a user at a provider, kept in memory. */
export function readRows(user: string, provider: string): Row[] {
  const key = `${user}\0${provider}`
  const known = rows.get(key) ?? [makeRow(user, provider)]
  rows.set(key, known)
  return known
}

export const PROVIDERS = ['oauth_google', 'oauth_github'] as const

/** The first `count` users. */
export function userIds(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `user_${String(n)}`)
}

export interface Operation {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

export const one: Operation = {
  query: `query One($id: ID!, $p: String!) { user(id: $id) { id oauth_access_tokens(provider: $p) { ${FIELDS} } } }`,
  variables: { id: 'user_1', p: 'oauth_google' },
}

export const many: Operation = {
  query: `query Many($ids: [ID!]!) { users(ids: $ids) { id
    google: oauth_access_tokens(provider: "oauth_google") { ${FIELDS} }
    github: oauth_access_tokens(provider: "oauth_github") { ${FIELDS} } } }`,
  variables: { ids: userIds(100) },
}

/** One provider of so many users. */
export function keysOperation(count: number): Operation {
  return {
    query: `query Keys($ids: [ID!]!) { users(ids: $ids) { id
      google: oauth_access_tokens(provider: "oauth_google") { ${FIELDS} } } }`,
    variables: { ids: userIds(count) },
  }
}

/** The data that answers an operation. */
export function answer({ query, variables }: Operation): object {
  const ids = variables.ids as readonly string[] | undefined
  if (ids === undefined) {
    const { id, p } = variables as { readonly id: string; readonly p: string }
    return { user: { id, oauth_access_tokens: readRows(id, p) } }
  }
  const google = (id: string) => ({ id, google: readRows(id, 'oauth_google') })
  return {
    users: ids.map(
      query.startsWith('query Keys') ? google : (id) => ({ ...google(id), github: readRows(id, 'oauth_github') }),
    ),
  }
}
