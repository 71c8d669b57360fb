/**
 * The endpoints of Logto (docs/platforms/logto.md, sections 1, 2 and 5): the Management API for what a user has linked
 * and for subject tokens, the exchange of those for a token of the user, and the Account API as the user.
 */
import { z } from 'zod'
import {
  answerError,
  decorative,
  filledText,
  optionalRows,
  read,
  remainingSeconds,
  requiredSecret,
  reveal,
  rows,
  scopeList,
  secret,
  shareCalls,
  statusError,
  time,
} from '../kit.ts'
import type { Call, CodedError, ErrorCode, Http, HttpAnswer, Reading, Secret, UnreadableRow } from '../kit.ts'

export interface LogtoApi {
  /** What a user has linked. Rejects with USER_NOT_FOUND; callers at the same time share the call. */
  identities(userId: string, call: Call): Promise<readonly (Identity | UnreadableRow)[]>
  /** A token that speaks for the user. Rejects with USER_NOT_FOUND, and with UPSTREAM_REJECTED for our application. */
  userToken(userId: string, call: Call): Promise<UserToken>
  /** The token of the user at the provider of the identity. Rejects with `USER_TOKEN_REFUSED` as the upstream's code. */
  accessToken(identity: Identity, userToken: Secret, call: Call): Promise<AccessToken>
}

/** Logto's code for a user token that it no longer accepts. */
export const USER_TOKEN_REFUSED = 'auth.unauthorized'

/** A linked account; `provider` is the target of a social connector or the id of an enterprise connector. */
export interface Identity {
  readonly kind: 'social' | 'sso'
  readonly provider: string
  readonly providerUserId: string
  readonly email: string | null
  readonly name: string | null
  readonly avatar: string | null
  /** null: no token is stored. */
  readonly stored: StoredToken | null
}

/** What the metadata tells of a stored token; times are whole Unix seconds. */
export interface StoredToken {
  readonly scopes: readonly string[] | null
  readonly expiresAt: number | null
  readonly canRefresh: boolean
  readonly createdAt: number | null
  readonly updatedAt: number | null
}

export interface UserToken {
  readonly token: Secret
  /** Seconds that Logto grants; 0: it does not say. */
  readonly lifeSeconds: number
}

export interface AccessToken {
  readonly token: Secret
  readonly scopes: readonly string[] | null
  /** Whole Unix seconds. */
  readonly expiresAt: number | null
}

export interface ApiOptions {
  /** The Management API. */
  readonly management: Http
  /** The user's side, without a credential of its own. */
  readonly http: Http
  /** The application that may exchange subject tokens. */
  readonly exchange: { readonly client_id: string; readonly client_secret: Secret }
}

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

const accessTokenPaths = {
  social: '/api/my-account/identities/{provider}/access-token',
  sso: '/api/my-account/sso-identities/{provider}/access-token',
} as const

export function openApi({ management, http, exchange }: ApiOptions): LogtoApi {
  function askIdentities(userId: string, call: Call): Promise<readonly (Identity | UnreadableRow)[]> {
    return read(
      management,
      {
        operation: 'logto.all_identities',
        keys: 1,
        template: '/api/users/{user_id}/all-identities',
        params: { user_id: userId },
        user: userId,
        query: [['includeTokenSecret', 'true']],
      },
      ofIdentities,
      call,
    )
  }

  async function askSubjectToken(userId: string, call: Call): Promise<string> {
    return read(
      management,
      {
        operation: 'logto.subject_tokens',
        keys: 1,
        method: 'POST',
        // A subject token that gets lost is never used.
        idempotent: true,
        template: '/api/subject-tokens',
        user: userId,
        body: { json: { userId, context: {} } },
      },
      ofSubjectToken,
      call,
    )
  }

  return {
    identities: shareCalls(askIdentities, (userId) => userId),
    async userToken(userId, call) {
      const subjectToken = await askSubjectToken(userId, call)
      return read(
        http,
        {
          operation: 'logto.token_exchange',
          keys: 1,
          // Not idempotent: the first exchange uses the subject token up.
          method: 'POST',
          template: '/oidc/token',
          user: userId,
          body: {
            form: [
              ['grant_type', GRANT_TYPE],
              ['client_id', exchange.client_id],
              ['client_secret', reveal(exchange.client_secret)],
              ['subject_token', subjectToken],
              ['subject_token_type', ACCESS_TOKEN],
              // Without a `resource`: only an opaque token opens the Account API, and only with both scopes.
              ['scope', 'openid identities'],
            ],
          },
        },
        ofUserToken,
        call,
      )
    },
    accessToken: ({ kind, provider, providerUserId }, userToken, call) =>
      read(
        http,
        {
          operation: 'logto.access_token',
          keys: 1,
          template: accessTokenPaths[kind],
          params: { provider },
          // Logto refreshes at the provider before it answers (docs/platforms/logto.md section 4).
          scope: provider,
          user: providerUserId,
          headers: { authorization: `Bearer ${reveal(userToken)}` },
        },
        ofAccessToken,
        call,
      ),
  }
}

// Logto leaves the ciphertext out; every other member is dropped here.
const tokenSecret = z
  .object({
    metadata: z
      .object({
        scope: scopeList,
        // Seconds, unlike the two below.
        expiresAt: time,
        hasRefreshToken: decorative(z.boolean()),
      })
      .catch({ scope: null, expiresAt: null, hasRefreshToken: null }),
    createdAt: time,
    updatedAt: time,
  })
  .transform(({ metadata: { scope: scopes, expiresAt, hasRefreshToken }, createdAt, updatedAt }): StoredToken => ({
    scopes,
    expiresAt,
    canRefresh: hasRefreshToken !== false,
    createdAt,
    updatedAt,
  }))

// What cannot be read is a token of which nothing is known: it is there to be asked for.
const stored = tokenSecret
  .nullish()
  .catch({ scopes: null, expiresAt: null, canRefresh: true, createdAt: null, updatedAt: null })
  .transform((value) => value ?? null)

const details = z.object({ email: filledText, name: filledText, avatar: filledText })
const noDetails = { email: null, name: null, avatar: null }

const social = z
  .object({
    target: z.string().min(1),
    identity: z.object({ userId: z.string().min(1), details: decorative(details) }),
    tokenSecret: stored,
  })
  .transform(({ target, identity, tokenSecret: token }): Identity => ({
    kind: 'social',
    provider: target,
    providerUserId: identity.userId,
    ...(identity.details ?? noDetails),
    stored: token,
  }))

const sso = z
  .object({
    ssoConnectorId: z.string().min(1),
    ssoIdentity: z.object({ identityId: z.string().min(1), detail: decorative(details) }),
    tokenSecret: stored,
  })
  .transform(({ ssoConnectorId, ssoIdentity, tokenSecret: token }): Identity => ({
    kind: 'sso',
    provider: ssoConnectorId,
    providerUserId: ssoIdentity.identityId,
    ...(ssoIdentity.detail ?? noDetails),
    stored: token,
  }))

// `/oidc/token` has `error`, as OAuth has.
const errorBody = z.object({
  code: z.string().optional(),
  error: z.string().optional(),
  message: z.unknown().optional(),
  data: z.unknown().optional(),
})

function codeOf(answer: HttpAnswer): string | undefined {
  const body = errorBody.safeParse(answer.json).data
  return body?.code ?? body?.error
}

const documented: ReadonlyMap<string, ErrorCode> = new Map([
  [USER_TOKEN_REFUSED, 'UPSTREAM_REJECTED'],
  ['auth.forbidden', 'UPSTREAM_REJECTED'],
  ['account_center.not_enabled', 'UPSTREAM_REJECTED'],
  ['secrets.third_party_token_set.token_not_found', 'REAUTHORIZATION_REQUIRED'],
  ['secrets.third_party_token_set.access_token_expired', 'REAUTHORIZATION_REQUIRED'],
  ['connector.token_storage_not_supported', 'PROVIDER_NOT_CONFIGURED'],
  ['connector.rate_limit_exceeded', 'UPSTREAM_RATE_LIMITED'],
])

/** The codes that callers may see: those that are read, those around them, and those of RFC 6749 section 5.2. */
const codes = new Set([
  ...documented.keys(),
  'auth.expected_role_not_found',
  'auth.jwt_sub_missing',
  'connector.authorization_failed',
  'connector.general',
  'connector.insufficient_request_parameters',
  'connector.invalid_config',
  'connector.invalid_response',
  'connector.not_enabled',
  'connector.not_found',
  'connector.social_access_token_invalid',
  'connector.social_auth_code_invalid',
  'connector.social_id_token_invalid',
  'entity.not_found',
  'entity.not_exists_with_id',
  'guard.invalid_input',
  'oidc.access_denied',
  'oidc.invalid_client',
  'oidc.invalid_grant',
  'oidc.invalid_request',
  'oidc.invalid_scope',
  'oidc.invalid_target',
  'oidc.unauthorized_client',
  'oidc.unsupported_grant_type',
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'unauthorized_client',
])

/** An answer to this server's own applications: what it refuses is for the operator. */
function clientError(answer: HttpAnswer): CodedError {
  return statusError(answer, { code: codeOf(answer), codes })
}

const ofIdentities: Reading<readonly (Identity | UnreadableRow)[]> = {
  // Both are required in the specification; older versions have no enterprise identities (docs/platforms/logto.md 2).
  shape: z
    .object({
      socialIdentities: rows(social, { provider: z.object({ target: z.string() }).transform((row) => row.target) }),
      ssoIdentities: optionalRows(sso, {
        provider: z.object({ ssoConnectorId: z.string() }).transform((row) => row.ssoConnectorId),
      }),
    })
    .transform(({ socialIdentities, ssoIdentities }) => [...socialIdentities, ...ssoIdentities]),
  toError: (answer) =>
    // A 404 without JSON comes from a proxy or from another path.
    answer.status === 404 && answer.json !== undefined ? answerError('USER_NOT_FOUND', answer) : clientError(answer),
}

const ofSubjectToken: Reading<string> = {
  shape: z.object({ subjectToken: z.string().min(1) }).transform(({ subjectToken }) => subjectToken),
  toError: (answer) => (answer.status === 404 ? answerError('USER_NOT_FOUND', answer) : clientError(answer)),
}

const ofUserToken: Reading<UserToken> = {
  shape: z
    .object({ access_token: z.string().regex(/^[\x21-\x7e]+$/), expires_in: decorative(z.number().positive()) })
    .transform(({ access_token: token, expires_in: lifeSeconds }) => ({
      token: secret(token),
      lifeSeconds: lifeSeconds ?? 0,
    })),
  toError: clientError,
}

const ofAccessToken: Reading<AccessToken> = {
  shape: z
    .object({ access_token: requiredSecret, scope: scopeList, expires_in: remainingSeconds })
    .transform(({ access_token: token, scope: scopes, expires_in: expiresAt }) => ({
      token,
      scopes,
      expiresAt,
    })),
  // What a connector reports is the provider's, its rate limit included (docs/platforms/logto.md section 5).
  isOfProvider: (answer) => codeOf(answer)?.startsWith('connector.') ?? false,
  // By the code: 401 has three meanings. The texts hold answers of providers and are dropped.
  toError(answer) {
    const code = codeOf(answer)
    const known = code === undefined ? null : (documented.get(code) ?? connectorCode(code, answer))
    const facts = { code, codes }
    return known === null ? statusError(answer, facts) : answerError(known, answer, facts)
  },
}

/** What the provider said to a refresh, as Logto's connector reports it; null: the status decides. */
function connectorCode(code: string, answer: HttpAnswer): ErrorCode | null {
  if (!code.startsWith('connector.')) return null
  if (answer.status === 401) return 'REAUTHORIZATION_REQUIRED'
  if (code !== 'connector.general' && code !== 'connector.invalid_response') return null
  // The provider's answer is somewhere in the text: its one code that means a dead grant (RFC 6749 section 5.2).
  return JSON.stringify(answer.json).includes('invalid_grant') ? 'REAUTHORIZATION_REQUIRED' : 'UPSTREAM_UNAVAILABLE'
}
