/** A strict local Nango, written from `docs/platforms/nango.md` and not from our client. */
import { startLocal, type LocalServer, type Received, type Reply } from './local.ts'

export interface NangoConnection {
  connection_id: string
  provider_config_key: string
  metadata: Record<string, unknown> | null
  /** Keys in lower case. */
  tags: Record<string, string>
  errors: { type: 'auth' | 'sync'; log_id: string }[]
  end_user: { id: string; email: string | null; display_name: string | null } | null
  credentials: Record<string, unknown>
}

export interface NangoServer extends LocalServer {
  readonly secret_key: string
  readonly held: NangoConnection[]
  /** Integration ids that are set up. */
  readonly integrations: Set<string>
  /** Also sets up the integration; without `connection_id` each connection gets one of its own. */
  connect(user_id: string, integration: string, given?: Partial<NangoConnection>): NangoConnection
}

const ISO = '2026-01-01T00:00:00.000Z'
const listParams = /^(connectionId|search|endUserId|endUserOrganizationId|integrationId|limit|page|tags\[[^\]]+\])$/
const readParams = ['provider_config_key', 'force_refresh', 'refresh_token', 'refresh_github_app_jwt_token']

/** Starts the server on a free port of 127.0.0.1. */
export async function startNango({ secret_key = 'invented-environment-key' } = {}): Promise<NangoServer> {
  const held: NangoConnection[] = []
  const integrations = new Set(['google', 'github', 'slack'])

  function reply(request: Received): Reply {
    const { headers, method, path, query } = request
    if (headers.authorization === undefined) return failure(401, 'missing_auth_header')
    if (headers.authorization !== `Bearer ${secret_key}`) return failure(401, 'unknown_account')
    if (method !== 'GET') return failure(404, 'not_found')
    if (path === '/connections') return list(query)
    const [, connection_id] = /^\/connections\/([^/]+)$/.exec(path) ?? []
    return connection_id === undefined ? failure(404, 'not_found') : read(decodeURIComponent(connection_id), query)
  }

  function list(query: URLSearchParams): Reply {
    const limit = query.get('limit') ?? '10000'
    const page = query.get('page') ?? '0'
    if (![...query.keys()].every((key) => listParams.test(key)) || !/^\d+$/.test(page) || !/^\d+$/.test(limit))
      return failure(400, 'invalid_query_params')
    if (query.has('limit') && (Number(limit) < 1 || Number(limit) > 2000)) return failure(400, 'invalid_query_params')
    const found = held.filter((connection) => matches(connection, query))
    const first = Number(page) * Number(limit)
    const shown = found.slice(first, first + Number(limit)).map((connection, n) => toRow(connection, n))
    return { status: 200, body: { connections: shown } }
  }

  function read(connection_id: string, query: URLSearchParams): Reply {
    const integration = query.get('provider_config_key')
    const flags = readParams.slice(1).map((name) => query.get(name) ?? 'false')
    if (integration === null || ![...query.keys()].every((key) => readParams.includes(key)))
      return failure(400, 'invalid_query_params')
    if (!flags.every((flag) => flag === 'true' || flag === 'false')) return failure(400, 'invalid_query_params')
    if (!integrations.has(integration)) return failure(400, 'unknown_provider_config')
    const found = held.find((each) => each.connection_id === connection_id && each.provider_config_key === integration)
    if (found === undefined) return failure(404, 'not_found')
    const extra = { connection_config: {}, created_at: ISO, updated_at: ISO, last_fetched_at: ISO }
    return { status: 200, body: { ...toRow(found, 0), ...extra, credentials: found.credentials } }
  }

  const local = await startLocal(reply)
  return Object.assign(local, {
    secret_key,
    held,
    integrations,
    connect(user_id: string, integration: string, given: Partial<NangoConnection> = {}) {
      integrations.add(integration)
      const connection = inventConnection(user_id, integration, held.length, given)
      held.push(connection)
      return connection
    },
  })
}

/** The documented error body. */
export function nangoFailure(code: string, message = 'invented-upstream-text'): object {
  return { error: { code, message, payload: { connection: { connection_id: 'invented-payload' } } } }
}

function failure(status: number, code: string): Reply {
  return { status, body: nangoFailure(code) }
}

/** All of the filters must match. */
function matches({ connection_id, provider_config_key, tags, end_user }: NangoConnection, query: URLSearchParams) {
  const ids = query.get('connectionId')
  const integrations = query.get('integrationId')?.split(',')
  const endUser = query.get('endUserId')
  return (
    (ids === null || ids === connection_id) &&
    (integrations === undefined || integrations.includes(provider_config_key)) &&
    (endUser === null || endUser === end_user?.id || endUser === tags.end_user_id) &&
    [...query].every(([key, value]) => {
      const [, tag] = /^tags\[([^\]]+)\]$/.exec(key) ?? []
      return tag === undefined || tags[tag.toLowerCase()] === value
    })
  )
}

/** The item of the list: no credentials. */
function toRow({ credentials: _, provider_config_key, ...connection }: NangoConnection, n: number): object {
  return { id: n + 1, provider: 'invented-template', provider_config_key, created: ISO, ...connection }
}

function inventConnection(user_id: string, integration: string, n: number, given: Partial<NangoConnection>) {
  return {
    connection_id: `connection-${String(n)}`,
    provider_config_key: integration,
    metadata: null,
    tags: { end_user_id: user_id },
    errors: [],
    end_user: null,
    credentials: {
      type: 'OAUTH2',
      access_token: `invented-token-${user_id}-${integration}-${String(n)}`,
      expires_at: '2100-01-01T00:00:00.000Z',
      raw: { scope: 'email profile', expires_in: 3600 },
    },
    ...given,
  }
}
