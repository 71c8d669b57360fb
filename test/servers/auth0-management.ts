/** The part of the Management API that the contract describes: one user, the search, the connected accounts. */
import type { Received, Reply } from './local.ts'

export interface Auth0Identity {
  connection: string
  provider: string
  user_id: string | number
  isSocial: boolean
  access_token?: string
  access_token_secret?: string
  refresh_token?: string
  expires_in?: number
  profileData?: Record<string, unknown>
  [field: string]: unknown
}

export interface Auth0User {
  user_id: string
  identities: Auth0Identity[]
  [field: string]: unknown
}

export interface Auth0Account {
  id: string
  connection: string
  connection_id: string
  strategy: string
  access_type: 'offline'
  scopes?: string[]
  created_at: string
  expires_at?: string
}

const searchKeys = [
  'q',
  'search_engine',
  'per_page',
  'page',
  'fields',
  'include_fields',
  'primary_order',
  'include_totals',
]

export function createManagement() {
  const users = new Map<string, Auth0User>()
  const accounts = new Map<string, Auth0Account[]>()
  /** What the contract leaves open, and ids that the API does not accept. */
  const settings = { searchShowsTokens: true, refusedIds: new Set<string>() }

  function reply({ method, path, query }: Received, scopes: readonly string[]): Reply {
    if (method !== 'GET') return managementFailure(404, 'Not Found')
    if (!scopes.includes('read:users')) return managementFailure(403, 'Forbidden', 'insufficient_scope')
    const withTokens = scopes.includes('read:user_idp_tokens')
    if (path === '/api/v2/users') return search(query, withTokens)
    const [, id = '', below] = /^\/api\/v2\/users\/([^/]+)(\/connected-accounts)?$/.exec(path) ?? []
    if (settings.refusedIds.has(decodeURIComponent(id))) return managementFailure(400, 'Bad Request', 'invalid_uri')
    const user = users.get(decodeURIComponent(id))
    if (id === '' || user === undefined) return managementFailure(404, 'Not Found', 'inexistent_user')
    if (below !== undefined) return listAccounts(user.user_id, query)
    if ([...query.keys()].some((key) => key !== 'fields' && key !== 'include_fields'))
      return managementFailure(400, 'Bad Request', 'invalid_query_string')
    return { status: 200, body: show(user, query, withTokens) }
  }

  function search(query: URLSearchParams, withTokens: boolean): Reply {
    const per_page = Number(query.get('per_page') ?? '50')
    const page = Number(query.get('page') ?? '0')
    const ids = /^user_id:\(("[^"]+"(?: OR "[^"]+")*)\)$/.exec(query.get('q') ?? '')?.[1]?.split(' OR ')
    const isKnown = [...query.keys()].every((key) => searchKeys.includes(key))
    if (ids === undefined || !isKnown || query.get('search_engine') !== 'v3' || per_page > 100)
      return managementFailure(400, 'Bad Request', 'invalid_query_string')
    const wanted = new Set(ids.map((id) => id.slice(1, -1)))
    if ([...wanted].some((id) => settings.refusedIds.has(id)))
      return managementFailure(400, 'Bad Request', 'invalid_query_string')
    // Not in the order of the request.
    const found = [...users.values()].filter(({ user_id }) => wanted.has(user_id)).reverse()
    const rows = found.slice(page * per_page, (page + 1) * per_page)
    const shown = rows.map((user) => show(user, query, withTokens && settings.searchShowsTokens))
    if (query.get('include_totals') !== 'true') return { status: 200, body: shown }
    return { status: 200, body: { users: shown, start: page * per_page, limit: per_page, total: found.length } }
  }

  function listAccounts(user_id: string, query: URLSearchParams): Reply {
    const all = accounts.get(user_id) ?? []
    const start = Number(query.get('from') ?? '0')
    const end = start + Number(query.get('take') ?? '50')
    return {
      status: 200,
      body: { connected_accounts: all.slice(start, end), ...(end < all.length && { next: String(end) }) },
    }
  }

  function addUser(user_id: string, given: Partial<Auth0User> = {}): Auth0User {
    const user = { user_id, email: `${user_id.replace(/\W/g, '-')}@example.invalid`, identities: [], ...given }
    users.set(user_id, users.get(user_id) ?? user)
    return users.get(user_id) ?? user
  }

  function addIdentity(user_id: string, connection: string, given: Partial<Auth0Identity> = {}): Auth0Identity {
    const user = addUser(user_id)
    const identity = {
      connection,
      provider: connection,
      user_id: `invented-${String(user.identities.length)}`,
      isSocial: true,
      access_token: `invented-token-${user_id}-${connection}`,
      ...given,
    }
    user.identities.push(identity)
    return identity
  }

  return { users, accounts, settings, reply, addUser, addIdentity }
}

/** What `fields` asks for; the token fields need a scope of their own. */
function show(user: Auth0User, query: URLSearchParams, withTokens: boolean): Partial<Auth0User> {
  const fields = query.get('fields')?.split(',') ?? Object.keys(user)
  const shown = Object.fromEntries(Object.entries(user).filter(([key]) => fields.includes(key)))
  if (withTokens || !fields.includes('identities')) return shown
  const secretNames = ['access_token', 'access_token_secret', 'refresh_token']
  return {
    ...shown,
    identities: user.identities.map(
      (identity) => Object.fromEntries(Object.entries(identity).filter(([key]) => !secretNames.includes(key))) as never,
    ),
  }
}

/** The documented error body. */
export function managementFailure(statusCode: number, error: string, errorCode?: string): Reply {
  const message = 'invented-upstream-text'
  return { status: statusCode, body: { statusCode, error, message, ...(errorCode !== undefined && { errorCode }) } }
}
