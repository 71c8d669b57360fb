/** `POST /oauth/token`: the token of one user at one connection, out of Token Vault (upstreams/auth0.md part C). */
import { z } from 'zod'
import { reveal, secret } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { answerError } from '../http/errors.ts'
import type { Call, One } from '../platform.ts'
import { checkId } from '../../tokens/ids.ts'
import type { OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import { remainingSeconds, scopeList } from '../shapes.ts'
import { exchangeError } from './errors.ts'
import { signAssertion, signSubject, type Worker, type WorkerKey } from './worker.ts'

const GRANT_TYPE = 'urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token'
const SUBJECT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'
const REQUESTED_TYPE = 'http://auth0.com/oauth/token-type/token-vault-access-token'
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const tokenBody = z.object({ access_token: z.string().min(1), scope: scopeList, expires_in: remainingSeconds })

export interface TokenVault {
  readonly http: Http
  readonly upstream: string
  readonly worker: Worker
  readonly key: WorkerKey
  /** null: the client proves itself with `private_key_jwt`. */
  readonly client_secret: Secret | null
}

export function tokensFetcher(vault: TokenVault): One<TokenKey, readonly OAuthAccessToken[]> {
  const { http, upstream, worker, key, client_secret } = vault

  async function proveClient(): Promise<[string, string][]> {
    if (client_secret !== null) return [['client_secret', reveal(client_secret)]]
    return [
      ['client_assertion_type', ASSERTION_TYPE],
      ['client_assertion', await signAssertion(worker, key)],
    ]
  }

  async function ask(user_id: string, connection: string, call: Call): Promise<HttpAnswer> {
    const form: [string, string][] = [
      ['grant_type', GRANT_TYPE],
      ['client_id', worker.client_id],
      ...(await proveClient()),
      ['subject_token', await signSubject(worker, key, user_id)],
      ['subject_token_type', SUBJECT_TYPE],
      ['requested_token_type', REQUESTED_TYPE],
      ['connection', connection],
    ]
    // Not idempotent: the JWTs may be used once, and a second try would be a replay.
    return http.request(
      { operation: 'auth0.exchange', keys: 1, method: 'POST', template: '/oauth/token', body: { form } },
      call,
    )
  }

  return {
    kind: 'one',
    async one({ user_id, provider }, call) {
      const connection = bareProvider(provider)
      const answer = await ask(checkId(user_id, 'user_id'), connection, call)
      if (answer.status < 300) return [readToken(answer, upstream, user_id, connection)]
      const error = exchangeError(answer, upstream)
      if (error === null) return []
      throw error
    },
  }
}

/** Neither an account id nor the provider's user id comes with a token: a user has one account of a connection. */
export function accountId(connection: string, user_id: string): string {
  return `${connection}|${user_id}`
}

function readToken(answer: HttpAnswer, upstream: string, user_id: string, connection: string): OAuthAccessToken {
  const parsed = tokenBody.safeParse(answer.json)
  if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
  const { access_token, scope, expires_in } = parsed.data
  return {
    external_account_id: accountId(connection, user_id),
    provider_user_id: '',
    token: secret(access_token),
    expires_at: expires_in,
    provider: connection,
    public_metadata: {},
    label: null,
    scopes: scope,
    token_secret: null,
    id_token: null,
  }
}
