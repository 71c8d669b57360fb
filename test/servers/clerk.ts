/** A strict local Clerk, written from `docs/platforms/clerk.md` and not from our client. */
import { inventAccount, inventToken, type ClerkAccount, type ClerkToken, type ClerkUser } from './clerk-rows.ts'
import { startLocal, type LocalServer, type Received, type Reply } from './local.ts'

export interface ClerkServerOptions {
  /** The one key that is accepted. */
  readonly secret_key?: string
  /** The versions that are accepted. */
  readonly versions?: readonly string[]
  /** `documented`: `{ data, total_count }` when `paginated=true` is asked for; `never`: a bare array whatever is asked. */
  readonly envelope?: 'documented' | 'never'
}

export interface ClerkServer extends LocalServer {
  /** The base URL, `/v1` included. */
  readonly url: string
  readonly secret_key: string
  /** What stands below `upstreams.<name>` for a server that reads from this one. */
  options(given?: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>
  readonly users: Map<string, ClerkUser>
  /** Providers that are enabled at the instance. */
  readonly providers: Set<string>
  addUser(user_id: string, given?: { accounts?: readonly Partial<ClerkAccount>[] }): ClerkUser
  /** Also adds the user and enables the provider; a number stands for so many rows of the usual kind. */
  addTokens(user_id: string, provider: string, tokens?: number | readonly Partial<ClerkToken>[]): ClerkToken[]
}

const CREATED_MS = 1_767_225_600_000

/** Starts the server on a free port of 127.0.0.1. */
export async function startClerk(options: ClerkServerOptions = {}): Promise<ClerkServer> {
  const { secret_key = 'sk_live_invented_key', versions = ['2026-05-12'], envelope = 'documented' } = options
  const users = new Map<string, ClerkUser>()
  const tokens = new Map<string, ClerkToken[]>()
  const providers = new Set(['oauth_google', 'oauth_github', 'oauth_facebook', 'oauth_x', 'oauth_slack'])

  function reply(request: Received): Reply {
    const problem = refuseRequest(request, secret_key, versions)
    if (problem !== null) return problem
    if (request.path === '/v1/users') return listUsers(request.query)
    if (request.path === '/v1/users/count') return countUsers(request.query)
    const [, user_id, provider] = /^\/v1\/users\/([^/]+)\/oauth_access_tokens\/([^/]+)$/.exec(request.path) ?? []
    if (user_id === undefined || provider === undefined) return failure(404, 'resource_not_found')
    return listTokens(decodeURIComponent(user_id), decodeURIComponent(provider), request.query)
  }

  function listUsers(query: URLSearchParams): Reply {
    const page = readPage(query, ['user_id', 'limit', 'offset', 'order_by'])
    if (page === null) return failure(422, 'form_param_value_invalid')
    const ids = query.getAll('user_id')
    if (ids.length > 100) return failure(422, 'form_param_value_invalid')
    const without = new Set(ids.filter((id) => id.startsWith('-')).map((id) => id.slice(1)))
    const wanted = new Set(ids.filter((id) => !id.startsWith('-')).map((id) => id.replace(/^\+/, '')))
    const found = [...users.values()]
      .filter(({ id }) => (wanted.size === 0 || wanted.has(id)) && !without.has(id))
      .sort((a, b) =>
        query.get('order_by') === '+created_at' ? a.created_at - b.created_at : b.created_at - a.created_at,
      )
    return { status: 200, body: found.slice(page.offset, page.offset + page.limit) }
  }

  // The SDK asks for it beside every list.
  function countUsers(query: URLSearchParams): Reply {
    const ids = query.getAll('user_id')
    const total_count = ids.length === 0 ? users.size : ids.filter((id) => users.has(id)).length
    return { status: 200, body: { object: 'total_count', total_count } }
  }

  function listTokens(user_id: string, provider: string, query: URLSearchParams): Reply {
    const page = readPage(query, ['paginated', 'limit', 'offset'])
    if (page === null || !['true', 'false', null].includes(query.get('paginated')))
      return failure(422, 'form_param_value_invalid')
    if (!users.has(user_id)) return failure(404, 'resource_not_found')
    if (!provider.startsWith('oauth_')) return failure(400, 'oauth_unsupported_provider')
    if (!providers.has(provider)) return failure(404, 'oauth_token_provider_not_enabled')
    const all = tokens.get(keyOf(user_id, provider)) ?? []
    const data = all.slice(page.offset, page.offset + page.limit)
    const wrapped = envelope === 'documented' && query.get('paginated') === 'true'
    return { status: 200, body: wrapped ? { data, total_count: all.length } : data }
  }

  function addUser(
    user_id: string,
    { accounts = [] }: { accounts?: readonly Partial<ClerkAccount>[] } = {},
  ): ClerkUser {
    const external_accounts = accounts.map((given, n) => inventAccount(user_id, n, given))
    const user = { id: user_id, object: 'user' as const, created_at: CREATED_MS + users.size, external_accounts }
    users.set(user_id, user)
    return user
  }

  function addTokens(user_id: string, provider: string, given: number | readonly Partial<ClerkToken>[] = 1) {
    if (!users.has(user_id)) addUser(user_id)
    providers.add(provider)
    const rows = typeof given === 'number' ? Array.from({ length: given }, () => ({})) : given
    const added = rows.map((row, n) => inventToken(user_id, provider, n, row))
    tokens.set(keyOf(user_id, provider), added)
    return added
  }

  const local = await startLocal(reply)
  const url = `${local.url}/v1`
  const optionsFor = (given: object = {}) => ({ platform: 'clerk', secret_key, base_url: url, ...given })
  return Object.assign(local, { url, secret_key, options: optionsFor, users, providers, addUser, addTokens })
}

/** The documented error body. */
export function clerkFailure(code: string, meta?: Record<string, unknown>): Record<string, unknown> {
  const error = { message: 'invented-upstream-text', long_message: 'invented-upstream-text, longer', code }
  return { errors: [meta === undefined ? error : { ...error, meta }], clerk_trace_id: 'invented-trace-1' }
}

function failure(status: number, code: string): Reply {
  return { status, body: clerkFailure(code) }
}

function refuseRequest(request: Received, secret_key: string, versions: readonly string[]): Reply | null {
  const { headers, query, method } = request
  if (method !== 'GET') return failure(405, 'method_not_allowed')
  if (headers.authorization === undefined) return failure(401, 'authentication_invalid')
  if (headers.authorization !== `Bearer ${secret_key}`) return failure(401, 'clerk_key_invalid')
  const version = headers['clerk-api-version']
  if (typeof version !== 'string' || !versions.includes(version) || query.has('__clerk_api_version'))
    return failure(400, 'api_version_invalid')
  return null
}

/** The documented paging parameters; null where one of them, or an unknown key, is not allowed. */
function readPage(query: URLSearchParams, allowed: readonly string[]): { limit: number; offset: number } | null {
  if ([...query.keys()].some((key) => !allowed.includes(key))) return null
  const limit = query.get('limit') ?? '10'
  const offset = query.get('offset') ?? '0'
  if (!/^\d+$/.test(limit) || Number(limit) < 1 || Number(limit) > 500 || !/^\d+$/.test(offset)) return null
  return { limit: Number(limit), offset: Number(offset) }
}

function keyOf(user_id: string, provider: string): string {
  return `${user_id}\n${provider}`
}
