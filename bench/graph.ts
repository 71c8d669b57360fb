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

/** Users that one field may ask for. */
const IDS = 100

/** One provider of so many users, in root fields `u0`, `u1`, … of 100 users each. */
export function keysOperation(count: number): Operation {
  const ids = userIds(count)
  const pages = Array.from({ length: Math.ceil(count / IDS) }, (_, n) => ids.slice(n * IDS, (n + 1) * IDS))
  const names = pages.map((_, n) => `u${String(n)}`)
  return {
    query: `query Keys(${names.map((name) => `$${name}: [ID!]!`).join(', ')}) {
      ${names.map((name) => `${name}: users(ids: $${name}) { ...page }`).join(' ')} }
      fragment page on User { id google: oauth_access_tokens(provider: "oauth_google") { ${FIELDS} } }`,
    variables: Object.fromEntries(pages.map((page, n) => [`u${String(n)}`, page])),
  }
}

/** The data that answers an operation. */
export function answer({ variables }: Operation): object {
  const { id, p, ids, ...pages } = variables as Readonly<Record<string, readonly string[]>> & {
    readonly id?: string
    readonly p?: string
  }
  if (id !== undefined && p !== undefined) return { user: { id, oauth_access_tokens: readRows(id, p) } }
  const google = (user: string) => ({ id: user, google: readRows(user, 'oauth_google') })
  if (ids !== undefined)
    return { users: ids.map((user) => ({ ...google(user), github: readRows(user, 'oauth_github') })) }
  return Object.fromEntries(Object.entries(pages).map(([name, page]) => [name, page.map(google)]))
}
