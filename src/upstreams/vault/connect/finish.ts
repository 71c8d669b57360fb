/**
 * The end of a connection: the same user who began shows the verifier, and only now is the code exchanged and the account
 * kept (docs/connect.md). What was given and is not kept is revoked.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { badUserInput, CodedError, secret } from '../../kit.ts'
import type { ConnectionFinish, Connector, FinishedConnection, UpstreamDeps } from '../../kit.ts'
import { missingScopes, requestedScopes, usesPkce } from '../clients/authorization.ts'
import type { OAuthClient, TokenPair } from '../clients/clients.ts'
import type { Exchanged, TokenEndpoint } from '../clients/token-endpoint.ts'
import type { VaultOptions } from '../options.ts'
import type { Store } from '../store/store.ts'
import { revokeTokens } from '../disconnect/outbox.ts'
import { findFault, readIdentity } from './identity.ts'
import { keepAccount, secretsOfConsent } from './keep.ts'
import type { Consent } from './keep.ts'
import { isDigestOf, redirectUriOf, scopesOf, shortCode, statusOf } from './requests.ts'
import type { RequestRow, Requests } from './requests.ts'

export interface ConnectorDeps {
  readonly store: Store
  readonly options: NonNullable<VaultOptions['connect']>
  /** Milliseconds that one request to a provider may take. */
  readonly timeoutMs: number
  endpointOf(client: OAuthClient): TokenEndpoint
  readonly warn: NonNullable<UpstreamDeps['warn']>
}

const verifierForm = /^[A-Za-z0-9._~-]{43,128}$/
/** Milliseconds between two looks at a finish that another call is making. */
const LOOK_MS = 100

export function createFinish(
  { store, options, timeoutMs, endpointOf, warn }: ConnectorDeps,
  requests: Requests,
): Connector['finish'] {
  const { clients } = store

  /** What another call makes of the same request, such as the first of a double click. */
  async function another(id: string): Promise<FinishedConnection> {
    for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += LOOK_MS) {
      const row = await requests.find(id)
      const known = row === null ? null : settled(row)
      if (known !== null) return known
      await sleep(LOOK_MS)
    }
    throw new CodedError('UPSTREAM_UNAVAILABLE', 'The connection is being finished by another call.')
  }

  async function exchange(row: RequestRow, given: ConnectionFinish): Promise<FinishedConnection> {
    const client = clients.get(row.client)
    const secrets = requests.secretsOf(row)
    if (client === undefined || secrets.code === undefined) return end(row, refused('no_client'))
    const { kept = {} } = secrets
    const nowSeconds = Math.floor(row.now_ms / 1000)
    const { outcome, members, tokenSecret } = await endpointOf(client).exchange(
      {
        code: secret(secrets.code),
        redirectUri: redirectUriOf(options.public_url, client.name),
        verifier: usesPkce(client) ? secret(secrets.verifier) : null,
        requestToken: secrets.requestToken === undefined ? null : pairOf(secrets.requestToken),
        kept,
      },
      nowSeconds,
      timeoutMs,
    )
    if (outcome.kind !== 'tokens' || members === null) return giveUp(row, client, outcome)
    const { tokens } = outcome
    const answered = { ...tokens, tokenSecret, members, kept: { ...kept, ...outcome.kept } }
    const base = { request: row, client, tokens, tokenSecret, kept: answered.kept, nowSeconds }
    const consent = { ...base, asked: scopesOf(row), allowsDifferentAccount: given.allowsDifferentAccount }
    const { issuer } = await endpointOf(client).issuer(timeoutMs)
    const fault = findFault(client, tokens.idToken, { nonce: secrets.nonce, issuer, nowSeconds })
    if (fault !== null) return reject({ ...consent, identity: null }, refused(fault))
    const identity = await readIdentity(client, endpointOf(client), answered, timeoutMs)
    return keep({ ...consent, identity })
  }

  async function keep(consent: Consent): Promise<FinishedConnection> {
    const { request, client, tokens, asked, identity } = consent
    const result = await keepAccount(store, options, consent).catch((error: unknown) => {
      // Not revoked: where the account is there already, that would end the grant that it lives on.
      warn('the tokens of a connection could not be stored and are lost', { client: client.name })
      throw error
    })
    if (result.status !== 'CONNECTED') return reject(consent, { ...nothing, status: result.status })
    const { provider } = client
    const expires = tokens.expiry.expiresAt !== null && provider.refresh.uses === 'refresh_token'
    return end(request, {
      status: 'CONNECTED',
      externalAccountId: result.externalAccountId,
      missingScopes: missingScopes(client, requestedScopes(client, asked), tokens.scopes),
      warnings: [
        ...(expires && tokens.refreshToken === null ? (['NO_REFRESH_TOKEN'] as const) : []),
        ...(identity === null ? (['IDENTITY_UNKNOWN'] as const) : []),
      ],
      code: null,
    })
  }

  /** Nothing is kept, and what the provider gave is given back. */
  async function reject(consent: Consent, outcome: FinishedConnection): Promise<FinishedConnection> {
    const { request, client, identity } = consent
    const { user_id, provider, external_account_id: account } = request
    const of = { user_id, provider, external_account_id: account ?? '', client: client.name }
    await revokeTokens(store, { ...of, provider_user_id: identity?.id ?? '' }, secretsOfConsent(consent))
    return end(request, outcome)
  }

  async function giveUp(row: RequestRow, client: OAuthClient, outcome: Exchanged): Promise<FinishedConnection> {
    // The code is unspent.
    if (outcome.kind === 'not_sent') {
      await requests.release(row)
      throw new CodedError('UPSTREAM_UNAVAILABLE', 'The provider could not be reached.')
    }
    if (outcome.kind === 'error' && outcome.class === 'rate') {
      await requests.release(row)
      const wait = outcome.retryAfterMs
      throw new CodedError('UPSTREAM_RATE_LIMITED', undefined, wait === null ? {} : { retry_after_ms: wait })
    }
    const isOurs = outcome.kind === 'error' && (outcome.class === 'client_bad' || outcome.class === 'config')
    const code = outcome.kind === 'tokens' ? 'answer' : (shortCode(outcome.code ?? '') ?? outcome.kind)
    warn('a code could not be exchanged', { client: client.name, code })
    await end(row, refused(code))
    if (isOurs) throw new CodedError('UPSTREAM_REJECTED', "The provider refused this server's client.")
    if (outcome.kind === 'ambiguous')
      throw new CodedError('UPSTREAM_UNAVAILABLE', 'The provider did not answer usefully: begin again.', {
        retryable: false,
      })
    return refused(code)
  }

  async function end(row: RequestRow, outcome: FinishedConnection): Promise<FinishedConnection> {
    const isKept = outcome.status === 'CONNECTED'
    await requests.finished(
      row,
      isKept ? 'FINISHED' : 'FAILED',
      outcome,
      isKept ? null : (outcome.code ?? outcome.status.toLowerCase()),
    )
    return outcome
  }

  return async (given) => {
    const row = await requests.find(given.id)
    if (row === null || !isProven(row, given))
      throw badUserInput('completion_code and code_verifier do not belong to this connection request.')
    const known = settled(row)
    if (known !== null) return known
    if (await requests.take(row)) return exchange(row, given)
    return another(row.id)
  }
}

/** What a finish comes to that needs no exchange; null: it has to be made. */
function settled(row: RequestRow): FinishedConnection | null {
  if (row.outcome !== null) return JSON.parse(row.outcome) as FinishedConnection
  switch (statusOf(row)) {
    case 'PENDING':
      return { ...nothing, status: 'PENDING' }
    case 'DENIED':
      return { ...nothing, status: 'DENIED', code: row.code }
    case 'FAILED':
      return refused(row.code)
    case 'EXPIRED':
      return { ...nothing, status: 'EXPIRED' }
    case 'RETURNED':
    case 'FINISHED':
      return null
  }
}

/** Whether the caller holds what only whoever began holds. A request without a completion code has none to show. */
function isProven(row: RequestRow, { completionCode, codeVerifier }: ConnectionFinish): boolean {
  if (!verifierForm.test(codeVerifier)) return false
  const challenge = createHash('sha256').update(codeVerifier).digest('base64url')
  const isBeginner = isSame(challenge, row.challenge)
  return isBeginner && (row.completion_digest === null || isDigestOf(completionCode, row.completion_digest))
}

function pairOf([token, tokenSecret]: readonly [string, string]): TokenPair {
  return { token, secret: secret(tokenSecret) }
}

const nothing = { externalAccountId: null, missingScopes: [], warnings: [], code: null } as const

function refused(code: string | null): FinishedConnection {
  return { ...nothing, status: 'REFUSED', code }
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
