/** `OAuthConnection`: where a user stands with a provider, as data. */
import { CodedError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { checkProvider } from '../tokens/token.ts'
import { checkListLength } from './arguments.ts'
import { builder } from './builder.ts'
import type { GraphContext } from './builder.ts'
import { readAccounts } from './external-account.ts'
import { OAuthAccessTokenRef, readTokens } from './oauth-access-token.ts'
import type { SubjectToken } from './oauth-access-token.ts'

const statuses = {
  CONNECTED: { description: 'At least one account has a token that can be used.' },
  NOT_CONNECTED: { description: 'The user has no account at the provider.' },
  REAUTHORIZATION_REQUIRED: { description: 'An account is known, but the user has to go through consent again.' },
  RATE_LIMITED: { description: 'The platform is limiting requests; ask again after `retry_after_ms`.' },
  UNAVAILABLE: { description: 'The platform did not answer usefully; the state is unknown.' },
  MISCONFIGURED: { description: 'The operator has to act: the state cannot be read with the present configuration.' },
} as const
type Status = keyof typeof statuses

interface Connection {
  readonly provider: string
  readonly status: Status
  readonly oauth_access_tokens: readonly SubjectToken[]
  readonly missing_scopes: readonly string[]
  readonly reason: ErrorCode | null
  readonly retry_after_ms: number | null
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

const OAuthConnectionStatus = builder.enumType('OAuthConnectionStatus', {
  description: 'Where a user stands with a provider.',
  values: statuses,
})

export const OAuthConnectionRef = builder.objectRef<Connection>('OAuthConnection').implement({
  description: 'Where a user stands with a provider. An expected failure is a status here, never an error.',
  fields: (t) => ({
    provider: t.exposeString('provider', { nullable: false, description: 'The provider, as `oauth_google`.' }),
    status: t.expose('status', {
      type: OAuthConnectionStatus,
      nullable: false,
      description: 'Where the user stands with the provider.',
    }),
    oauth_access_tokens: t.expose('oauth_access_tokens', {
      type: [OAuthAccessTokenRef],
      nullable: { list: false, items: false },
      description: 'One for each account with a token that can be used; empty unless the status is `CONNECTED`.',
    }),
    missing_scopes: t.exposeStringList('missing_scopes', {
      nullable: false,
      description: 'Those of `required_scopes` that the best of the accounts lacks.',
    }),
    reason: t.exposeString('reason', {
      description: 'The error code behind a status other than `CONNECTED`; null when no account is connected.',
    }),
    retry_after_ms: t.exposeInt('retry_after_ms', {
      description: 'Milliseconds after which asking again makes sense, where the platform says so.',
    }),
  }),
})

/** The connection of one subject at one provider. */
export async function readConnection(
  context: GraphContext,
  subject: string,
  provider: string,
  required_scopes: readonly string[] = [],
): Promise<Connection> {
  const name = checkProvider(provider)
  checkListLength(required_scopes, 'required_scopes')
  try {
    const tokens = await readTokens(context, subject, { provider: name })
    const connected = tokens.length > 0
    return {
      provider: name,
      status: connected ? 'CONNECTED' : 'NOT_CONNECTED',
      oauth_access_tokens: tokens,
      missing_scopes: missingScopes(required_scopes, tokens),
      reason: null,
      retry_after_ms: null,
    }
  } catch (error) {
    const status = error instanceof CodedError ? statusOf[error.code] : undefined
    if (!(error instanceof CodedError) || status === undefined) throw error
    return {
      provider: name,
      status,
      oauth_access_tokens: [],
      missing_scopes: required_scopes,
      reason: error.code,
      retry_after_ms: error.extensions.retry_after_ms ?? null,
    }
  }
}

/** The connections at the named providers; without a list, at every provider served or connected. */
export async function readConnections(
  context: GraphContext,
  subject: string,
  providers: readonly string[] | null | undefined,
): Promise<readonly Promise<Connection>[]> {
  if (providers != null) checkListLength(providers, 'providers')
  const names =
    providers == null
      ? await knownProviders(context, subject)
      : providers.map((name) => checkProvider(name, 'providers'))
  return [...new Set(names)].map((name) => readConnection(context, subject, name))
}

/** Every routed provider, and whatever the user connected at the upstream that answers for the rest. */
async function knownProviders(context: GraphContext, subject: string): Promise<readonly string[]> {
  const readable = context.access.readableProviders(context.viewer, subject)
  const routed = context.providers.map(({ id }) => id).filter((id) => id !== '*')
  const accounts = await readAccounts(context, subject).catch((error: unknown) => {
    if (error instanceof CodedError && error.code === 'USER_NOT_FOUND') return []
    throw error
  })
  const connected = accounts.map((account) => account.provider)
  return [...routed, ...connected].filter((provider) => readable === 'all' || readable.has(provider))
}

/** The smallest set that an account lacks; accounts whose scopes are unknown lack nothing that is known. */
function missingScopes(required: readonly string[], tokens: readonly SubjectToken[]): readonly string[] {
  if (required.length === 0) return []
  const lacking = tokens.map(({ token }) =>
    token.scopes === null ? [] : required.filter((scope) => !token.scopes?.includes(scope)),
  )
  return lacking.reduce((best, missing) => (missing.length < best.length ? missing : best), [...required])
}
