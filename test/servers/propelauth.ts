/** A strict local PropelAuth, written from `docs/platforms/propelauth.md` and not from our client. */
import { startLocal, type LocalServer, type Received, type Reply } from './local.ts'

export interface PropelAuthEntry {
  access_token: string
  refresh_token?: string
  token_provider?: string
  /** The unit is UNVERIFIED. */
  token_expiration?: number | null | undefined
  authorized_scopes?: string[] | string | null | undefined
  [member: string]: unknown
}

export interface PropelAuthServer extends LocalServer {
  readonly api_key: string
  readonly auth_url: string
  /** By user id, then by provider. */
  readonly users: Map<string, Map<string, PropelAuthEntry>>
  /** Also adds the user. */
  connect(user_id: string, provider: string, given?: Partial<PropelAuthEntry>): PropelAuthEntry
  /** What a refresh gives; undefined: the provider refuses it. */
  refreshed: ((entry: PropelAuthEntry) => PropelAuthEntry) | undefined
}

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const stored = new RegExp(`^/api/backend/v1/user/(${uuid})/oauth_token$`)
const fresh = new RegExp(`^/api/backend/v1/user/(${uuid})/([a-z]+)/fresh_token$`)
const AUTH_HOST = 'auth.invented.example'

/** Starts the server on a free port of 127.0.0.1. */
export async function startPropelAuth(): Promise<PropelAuthServer> {
  const api_key = 'invented-integration-key'
  const users = new Map<string, Map<string, PropelAuthEntry>>()

  function reply({ method, path, query, headers }: Received): Reply {
    if (headers.authorization !== `Bearer ${api_key}`) return { status: 401, body: { error: 'invented-upstream-text' } }
    if (headers['x-propelauth-url'] !== AUTH_HOST || method !== 'GET' || query.size > 0)
      return { status: 400, body: {} }
    const [, user_id] = stored.exec(path) ?? []
    if (user_id !== undefined) return readStored(user_id)
    const [, owner, provider] = fresh.exec(path) ?? []
    return owner === undefined || provider === undefined ? { status: 404, body: {} } : refresh(owner, provider)
  }

  function readStored(user_id: string): Reply {
    const entries = users.get(user_id)
    return entries === undefined ? { status: 404, body: {} } : { status: 200, body: Object.fromEntries(entries) }
  }

  function refresh(user_id: string, provider: string): Reply {
    const entry = users.get(user_id)?.get(provider)
    if (entry === undefined || server.refreshed === undefined)
      return { status: 400, body: { error: 'invented-upstream-text' } }
    const next = server.refreshed(entry)
    users.get(user_id)?.set(provider, next)
    return { status: 200, body: next }
  }

  const server: PropelAuthServer = Object.assign(await startLocal(reply), {
    api_key,
    auth_url: `https://${AUTH_HOST}`,
    users,
    refreshed: undefined,
    connect(user_id: string, provider: string, given: Partial<PropelAuthEntry> = {}) {
      const entry = {
        access_token: `invented-token-${user_id}-${provider}`,
        token_provider: provider,
        token_expiration: 4_102_444_800,
        authorized_scopes: ['email', 'profile'],
        ...given,
      }
      const entries = users.get(user_id) ?? new Map<string, PropelAuthEntry>()
      users.set(user_id, entries.set(provider, entry))
      return entry
    },
  })
  return server
}
