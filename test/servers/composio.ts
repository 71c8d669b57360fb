/** A strict local Composio, written from `docs/platforms/composio.md` and not from our client. */
import { startLocal, type LocalServer, type Received, type Reply } from './local.ts'

export interface ComposioAccount {
  id: string
  user_id?: string
  status: string
  alias: string | null
  toolkit: { slug: string }
  state: { authScheme?: string; val: Record<string, unknown> }
  [member: string]: unknown
}

export interface ComposioServer extends LocalServer {
  readonly api_key: string
  readonly held: ComposioAccount[]
  /** `mask_secret_keys_in_connected_account`, as the project has it. */
  masked: boolean
  /** Whether items say whose they are. */
  showsUser: boolean
  connect(user_id: string, toolkit: string, given?: Partial<ComposioAccount>): ComposioAccount
}

const statuses = ['INITIALIZING', 'INITIATED', 'ACTIVE', 'FAILED', 'EXPIRED', 'INACTIVE', 'REVOKED']
const parameters = ['user_ids', 'toolkit_slugs', 'statuses', 'limit', 'cursor']
const secrets = ['access_token', 'refresh_token', 'id_token', 'oauth_token', 'oauth_token_secret']
const ISO = '2026-01-01T00:00:00.000Z'

/** Starts the server on a free port of 127.0.0.1. */
export async function startComposio(): Promise<ComposioServer> {
  const api_key = 'invented-project-key'
  const held: ComposioAccount[] = []

  function reply({ method, path, query, headers }: Received): Reply {
    if (headers['x-api-key'] !== api_key || headers.authorization !== undefined)
      return { status: 401, body: composioFailure(401) }
    if (method !== 'GET' || path !== '/api/v3.1/connected_accounts') return { status: 404, body: composioFailure(404) }
    return list(query)
  }

  function list(query: URLSearchParams): Reply {
    const [users, slugs, wanted] = ['user_ids', 'toolkit_slugs', 'statuses'].map((name) => query.get(name)?.split(','))
    const limit = query.get('limit') ?? '20'
    const isKnown = [...query.keys()].every((key, n, keys) => parameters.includes(key) && keys.indexOf(key) === n)
    const isWell = wanted?.every((status) => statuses.includes(status)) ?? true
    if (!isKnown || !isWell || !/^[1-9]\d{0,2}$/.test(limit)) return { status: 400, body: composioFailure(400) }
    const found = held.filter(
      ({ user_id = '', toolkit, status }) =>
        (users?.includes(user_id) ?? true) &&
        (slugs?.includes(toolkit.slug) ?? true) &&
        (wanted?.includes(status) ?? true),
    )
    const first = Number(Buffer.from(query.get('cursor') ?? '', 'base64url').toString() || '0')
    const next = first + Number(limit)
    const next_cursor = next < found.length ? Buffer.from(String(next)).toString('base64url') : null
    const body = { items: found.slice(first, next).map(show), next_cursor, total_items: found.length, total_pages: 1 }
    return { status: 200, body }
  }

  function show({ user_id, state, ...account }: ComposioAccount): object {
    const val = Object.fromEntries(
      Object.entries(state.val).map(([name, value]) =>
        server.masked && secrets.includes(name) ? [name, `${String(value).slice(0, 4)}...`] : [name, value],
      ),
    )
    // `data` is the older copy of the values.
    return { ...account, ...(server.showsUser && { user_id }), state: { ...state, val }, data: val }
  }

  const server: ComposioServer = Object.assign(await startLocal(reply), {
    api_key,
    held,
    masked: false,
    showsUser: true,
    connect(user_id: string, toolkit: string, given: Partial<ComposioAccount> = {}) {
      const account = {
        id: `ca_${String(held.length)}`,
        user_id,
        status: 'ACTIVE',
        alias: null,
        toolkit: { slug: toolkit },
        is_disabled: false,
        auth_config: { id: 'ac_invented', auth_scheme: 'OAUTH2', is_composio_managed: false, is_disabled: false },
        created_at: ISO,
        updated_at: ISO,
        state: { authScheme: 'OAUTH2', val: inventValues(user_id, toolkit, held.length) },
        ...given,
      }
      held.push(account)
      return account
    },
  })
  return server
}

export function composioFailure(status: number): object {
  const error = { message: 'invented-upstream-text', slug: 'Invented_Slug', status, request_id: 'invented-request' }
  return { error }
}

function inventValues(user_id: string, toolkit: string, n: number): Record<string, unknown> {
  return {
    status: 'ACTIVE',
    access_token: `invented-token-${user_id}-${toolkit}-${String(n)}`,
    token_type: 'Bearer',
    expires_in: 3600,
    scope: 'email profile',
  }
}
