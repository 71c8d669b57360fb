/**
 * The exchange of Token Vault with the JWTs that a privileged worker signs for it, and the list of what a user connected
 * (docs/platforms/auth0-token-vault.md sections 1, 2 and 5).
 */
import { SignJWT } from 'jose'
import { randomUUID } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { managementError } from '../auth0/tenant.ts'
import {
  answerError,
  listedScopes,
  read,
  remainingSeconds,
  requiredSecret,
  reveal,
  rows,
  scopeList,
  statusError,
  time,
} from '../kit.ts'
import type { Call, CodedError, ErrorCode, Http, HttpAnswer, Page, Secret, UnreadableRow } from '../kit.ts'

const GRANT_TYPE = 'urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token'
const SUBJECT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'
const REQUESTED_TYPE = 'http://auth0.com/oauth/token-type/token-vault-access-token'
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const PAGE_SIZE = 50

/** Seconds. Auth0 refuses a JWT that is older than 60, and no clock is that far off within one request. */
const LIFETIME = 60

export const workerAlgorithms = ['RS256', 'PS256', 'ES256'] as const
type WorkerAlgorithm = (typeof workerAlgorithms)[number]

export interface Worker {
  readonly clientId: string
  /** null: the client proves itself with `private_key_jwt` (RFC 7523 section 3). */
  readonly clientSecret: Secret | null
  readonly key: KeyObject
  readonly keyId: string | null
  readonly algorithm: WorkerAlgorithm
  /** `https://{domain}/`, as both kinds of JWT name Auth0. */
  readonly audience: string
  /** Appears in Auth0's logs, 1 to 256 characters. */
  readonly auditContext: string
  readonly organizationId: string | null
}

/** Whether a key of this kind can sign with the algorithm. */
export function fitsAlgorithm({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, algorithm: WorkerAlgorithm) {
  if (algorithm === 'ES256') return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1'
  return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
}

/** null: the user has connected nothing through the connection. */
export type Exchange = (userId: string, connection: string, call: Call) => Promise<VaultToken | null>

export function createExchange(http: Http, worker: Worker): Exchange {
  return async (userId, connection, call) => {
    const form = [
      ['grant_type', GRANT_TYPE],
      ['client_id', worker.clientId],
      ...(await proveClient(worker)),
      ['subject_token', await signSubject(worker, userId)],
      ['subject_token_type', SUBJECT_TYPE],
      ['requested_token_type', REQUESTED_TYPE],
      ['connection', connection],
    ] as const
    // Not idempotent: each JWT may be used once, so a second request would be a replay.
    return read<VaultToken | null>(
      http,
      {
        operation: 'auth0.exchange',
        keys: 1,
        method: 'POST',
        template: '/oauth/token',
        body: { form },
        // Auth0 refreshes at the provider before it answers (docs/platforms/auth0-token-vault.md section 4).
        scope: connection,
        user: userId,
      },
      {
        shape: vaultToken,
        toError: exchangeError,
        valueIn: (answer) => (codeOf(answer) === NOT_CONNECTED ? null : undefined),
      },
      call,
    )
  }
}

async function proveClient(worker: Worker): Promise<readonly (readonly [string, string])[]> {
  const { clientId, clientSecret, audience } = worker
  if (clientSecret !== null) return [['client_secret', reveal(clientSecret)]]
  const assertion = new SignJWT().setSubject(clientId).setIssuer(clientId).setAudience(audience)
  return [
    ['client_assertion_type', ASSERTION_TYPE],
    ['client_assertion', await sign(assertion, worker, 'JWT')],
  ]
}

function signSubject(worker: Worker, userId: string): Promise<string> {
  const { clientId, audience, auditContext, organizationId } = worker
  const claims = { audit_context: auditContext, ...(organizationId !== null && { org_id: organizationId }) }
  const subject = new SignJWT(claims).setSubject(userId).setIssuer(clientId).setAudience(audience)
  return sign(subject, worker, 'token-vault-req+jwt')
}

function sign(jwt: SignJWT, { key, keyId, algorithm }: Worker, typ: string): Promise<string> {
  return jwt
    .setProtectedHeader({ alg: algorithm, typ, ...(keyId !== null && { kid: keyId }) })
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(`${LIFETIME}s`)
    .sign(key)
}

const vaultToken = z
  .object({ access_token: requiredSecret, scope: scopeList, expires_in: remainingSeconds })
  .transform(({ access_token: accessToken, scope: scopes, expires_in: expiresAt }) => ({
    accessToken,
    scopes,
    expiresAt,
  }))
export type VaultToken = z.output<typeof vaultToken>

/** One page of what a user put into Token Vault; null: the first page. USER_NOT_FOUND: Auth0 does not know the user. */
export type ConnectedAccounts = (
  userId: string,
  from: string | null,
  call: Call,
) => Promise<Page<ConnectedAccount | UnreadableRow, string>>

export function createConnectedAccounts(management: Http): ConnectedAccounts {
  return async (userId, from, call) => {
    const { connected_accounts: accounts, next = null } = await read(
      management,
      {
        operation: 'auth0.connected_accounts',
        keys: 1,
        template: '/api/v2/users/{user_id}/connected-accounts',
        params: { user_id: userId },
        user: userId,
        query: [['take', String(PAGE_SIZE)], ...(from === null ? [] : [['from', from] as const])],
      },
      { shape: accountPage, toError: managementError },
      call,
    )
    return { rows: accounts, next: next === from ? null : next }
  }
}

const connectedAccount = z.object({
  id: z.string().min(1),
  connection: z.string().min(1),
  scopes: listedScopes,
  created_at: time,
})
export type ConnectedAccount = z.output<typeof connectedAccount>

const accountPage = z.object({
  // Required in the specification (docs/platforms/auth0-token-vault.md section 2).
  connected_accounts: rows(connectedAccount),
  next: z.string().min(1).nullish(),
})

const NOT_CONNECTED = 'federated_connection_refresh_token_not_found'

// The codes come from public integrations; the documentation has only the statuses.
const documented: ReadonlyMap<string, ErrorCode> = new Map([
  ['federated_connection_refresh_token_flow_failed', 'REAUTHORIZATION_REQUIRED'],
  [NOT_CONNECTED, 'REAUTHORIZATION_REQUIRED'],
  ['invalid_client', 'UPSTREAM_REJECTED'],
  // Parameters of ours, or a JWT that is too old or was used.
  ['invalid_request', 'UPSTREAM_REJECTED'],
  ['invalid_grant', 'UPSTREAM_REJECTED'],
  ['unauthorized_client', 'UPSTREAM_REJECTED'],
  // The connection is not among the grants of the client; an address outside of its list looks the same.
  ['access_denied', 'PROVIDER_NOT_CONFIGURED'],
  ['too_many_requests', 'UPSTREAM_RATE_LIMITED'],
])

const errorBody = z.object({ error: z.string() })

function codeOf(answer: HttpAnswer): string | undefined {
  return errorBody.safeParse(answer.json).data?.error
}

function exchangeError(answer: HttpAnswer): CodedError {
  const code = codeOf(answer)
  const facts = { code, codes: documented }
  const known = documented.get(code ?? '')
  if (known !== undefined) return answerError(known, answer, facts)
  return statusError(answer, facts)
}
