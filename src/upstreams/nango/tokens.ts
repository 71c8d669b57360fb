/** `GET /connections/{connection_id}`: the credentials of one connection, for each that the user has at the provider. */
import { CodedError } from '../../errors.ts'
import { checkId } from '../../tokens/ids.ts'
import type { OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import { settleAccounts } from '../kit.ts'
import type { Http } from '../http/client.ts'
import type { Call, One } from '../platform.ts'
import type { Connection, ListConnections } from './connections.ts'
import { readConnection } from './credentials.ts'
import { isNoConnection, nangoError, shapeError } from './errors.ts'

/** The fetcher for tokens; `upstream` is the name that stands in errors. */
export function tokensFetcher(
  http: Http,
  upstream: string,
  connections: ListConnections,
): One<TokenKey, readonly OAuthAccessToken[]> {
  /** null: the connection went away after it was listed. */
  async function readToken(connection: Connection, call: Call): Promise<OAuthAccessToken | null> {
    if (connection.isBroken) throw new CodedError('REAUTHORIZATION_REQUIRED', undefined, { upstream })
    const { connection_id, integration } = connection
    const answer = await http.request(
      {
        operation: 'nango.connection',
        keys: 1,
        template: '/connections/{connection_id}',
        params: { connection_id: checkConnectionId(connection_id, upstream) },
        query: [['provider_config_key', integration]],
      },
      call,
    )
    if (isNoConnection(answer)) return null
    if (answer.status >= 300) throw nangoError(answer, upstream)
    const read = readConnection(answer.json, connection)
    if (read.kind === 'malformed') throw shapeError(answer, upstream)
    if (read.kind === 'withheld') throw new CodedError('UPSTREAM_REJECTED', undefined, { upstream })
    if (read.kind === 'other') throw new CodedError('UNSUPPORTED_CREDENTIAL', undefined, { upstream })
    const { token, token_secret, id_token, expires_at, scopes } = read.credentials
    return {
      external_account_id: connection_id,
      provider_user_id: '',
      token,
      expires_at,
      provider: integration,
      public_metadata: connection.metadata,
      label: connection.label,
      scopes,
      token_secret,
      id_token,
    }
  }

  return {
    kind: 'one',
    async one({ user_id, provider }, call) {
      const integration = bareProvider(provider)
      const all = await connections(user_id, call)
      const asked = all.filter((connection) => connection.integration === integration)
      return settleAccounts(asked.map((connection) => readToken(connection, call)))
    },
  }
}

/** Nango takes any text for an id; what does not fit into our URLs is the operator's to rename, not the caller's. */
function checkConnectionId(connection_id: string, upstream: string): string {
  try {
    return checkId(connection_id, 'connection_id')
  } catch {
    const message = 'The platform gives the connection an id that this server does not put into a URL.'
    throw new CodedError('UPSTREAM_PROTOCOL_ERROR', message, { upstream })
  }
}
