/** Where a user stands with a provider, as data: the statuses, and what becomes which. */
import { CodedError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { ExternalAccount, SubjectToken } from '../tokens/types.ts'

export const statuses = {
  CONNECTED: { description: 'At least one account has a token that can be used.' },
  NOT_CONNECTED: { description: 'The user has no account at the provider.' },
  REAUTHORIZATION_REQUIRED: { description: 'An account is known, but the user has to go through consent again.' },
  RATE_LIMITED: { description: 'The platform is limiting requests; ask again after `retry_after_ms`.' },
  UNAVAILABLE: { description: 'The platform did not answer usefully; the state is unknown.' },
  MISCONFIGURED: { description: 'The operator has to act: the state cannot be read with the present configuration.' },
} as const
type Status = keyof typeof statuses

export interface Connection {
  readonly provider: string
  readonly status: Status
  readonly oauth_access_tokens: readonly SubjectToken[]
  readonly missing_scopes: readonly string[]
  readonly reason: ErrorCode | 'EXPIRING' | null
  readonly retry_after_ms: number | null
  /** Whole Unix seconds. */
  readonly since: number | null
  readonly last_failure: string | null
  /** Whole Unix seconds. */
  readonly last_failure_at: number | null
}

/** Failures that are states of a connection; every other code stays an error. */
const statusOf: Partial<Record<ErrorCode, Status>> = {
  USER_NOT_FOUND: 'NOT_CONNECTED',
  REAUTHORIZATION_REQUIRED: 'REAUTHORIZATION_REQUIRED',
  UPSTREAM_RATE_LIMITED: 'RATE_LIMITED',
  UPSTREAM_UNAVAILABLE: 'UNAVAILABLE',
  UPSTREAM_TIMEOUT: 'UNAVAILABLE',
  UPSTREAM_PROTOCOL_ERROR: 'UNAVAILABLE',
  OVERLOADED: 'UNAVAILABLE',
  PROVIDER_NOT_CONFIGURED: 'MISCONFIGURED',
  UNSUPPORTED_CREDENTIAL: 'MISCONFIGURED',
  UPSTREAM_REJECTED: 'MISCONFIGURED',
}

/** The same for codes that are the caller's mistake or our defect, unless it was a platform that said so. */
const statusOfUpstream: Partial<Record<ErrorCode, Status>> = {
  // Platforms have ids of different forms: one that is none here names a user of another.
  BAD_USER_INPUT: 'NOT_CONNECTED',
  // One damaged row must not hide the other providers.
  INTERNAL_SERVER_ERROR: 'UNAVAILABLE',
}

/** Every code that is a reason. */
export const reasons = [...Object.keys(statusOf), ...Object.keys(statusOfUpstream)] as readonly ErrorCode[]

/** The connection that these tokens are. */
export function connectionByTokens(
  provider: string,
  tokens: readonly SubjectToken[],
  requiredScopes: readonly string[],
): Connection {
  const healths = tokens.flatMap(({ token: { health } }) => (health === null ? [] : [health]))
  // The account that needs the user first.
  const health = healths.find(({ isExpiring }) => isExpiring) ?? healths[0]
  return {
    provider,
    status: tokens.length > 0 ? 'CONNECTED' : 'NOT_CONNECTED',
    oauth_access_tokens: tokens,
    missing_scopes: missingScopes(
      requiredScopes,
      tokens.map(({ token }) => token.scopes),
    ),
    reason: health?.isExpiring === true ? 'EXPIRING' : null,
    retry_after_ms: null,
    since: health?.since ?? null,
    last_failure: health?.lastFailure ?? null,
    last_failure_at: health?.lastFailureAt ?? null,
  }
}

/** The connection that these accounts are, without a look at their tokens. */
export function connectionByAccounts(provider: string, accounts: readonly ExternalAccount[]): Connection {
  if (accounts.length > 0 && accounts.every(({ needs_reauthorization }) => needs_reauthorization))
    return failedConnection(provider, new CodedError('REAUTHORIZATION_REQUIRED'), [])
  return { ...connectionByTokens(provider, [], []), status: accounts.length > 0 ? 'CONNECTED' : 'NOT_CONNECTED' }
}

/** The connection that this failure is; throws the failure when it is no state of a connection. */
export function failedConnection(provider: string, error: unknown, requiredScopes: readonly string[]): Connection {
  const status = error instanceof CodedError ? statusOfFailure(error) : undefined
  if (!(error instanceof CodedError) || status === undefined) throw error
  return {
    provider,
    status,
    oauth_access_tokens: [],
    missing_scopes: requiredScopes,
    reason: error.code,
    retry_after_ms: error.extensions.retry_after_ms ?? null,
    since: error.extensions.state_since ?? null,
    last_failure: error.extensions.last_failure ?? null,
    last_failure_at: error.extensions.last_failure_at ?? null,
  }
}

function statusOfFailure({ code, extensions }: CodedError): Status | undefined {
  return statusOf[code] ?? (extensions.upstream === undefined ? undefined : statusOfUpstream[code])
}

/** The smallest set that an account lacks; accounts whose scopes are unknown lack nothing that is known. */
function missingScopes(
  required: readonly string[],
  accounts: readonly (readonly string[] | null)[],
): readonly string[] {
  const lacking = accounts.map((scopes) => (scopes === null ? [] : required.filter((scope) => !scopes.includes(scope))))
  return lacking.reduce((best, missing) => (missing.length < best.length ? missing : best), [...required])
}
