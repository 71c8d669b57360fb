/**
 * Ory Kratos and Ory Network: the tokens that Kratos stored at the first login or the link, up to 500 users in one call
 * (docs/platforms/kratos.md).
 */
import { z } from 'zod'
import {
  account,
  bareProvider,
  CodedError,
  httpOptionFields,
  httpTuning,
  isUnreadable,
  isUuid,
  joinIds,
  openHttp,
  readable,
  reveal,
  rowsOf,
  secret,
  upstreamUrl,
  settleOrError,
  token,
} from '../kit.ts'
import type { ExternalAccount, Many, OAuthAccessToken, Platform, TokenKey } from '../kit.ts'
import { isAmbiguous, openApi, splitIdentifier } from './api.ts'
import type { Identifier, Identity, KratosApi, Link, Linked } from './api.ts'

/** The documented maximum: Kratos refuses more. */
const MAX_IDS = 500
/** Keys of one batch, which is more than a call: many keys share a user, and the ids are divided into calls. */
const MAX_KEYS = 10_000

const options = z.strictObject({
  base_url: upstreamUrl.describe(
    'Where the admin API answers, without `/admin`: `https://SLUG.projects.oryapis.com` at Ory Network.',
  ),
  api_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected an Ory API key such as ory_pat_…')
    .transform(secret)
    .optional()
    .meta({
      description: 'The API key of the Ory Network project, `ory_pat_…`; a self-hosted Kratos has none.',
      fallback: 'no key is sent',
    }),
  batch_size: z
    .int()
    .min(1)
    .max(MAX_IDS)
    .default(MAX_IDS)
    .describe('How many users one call asks for; fewer where a proxy before Kratos refuses long URLs.'),
  ...httpOptionFields,
})

type KratosOptions = z.output<typeof options>

/** A user that Kratos does not know is USER_NOT_FOUND for a token key, and absent from the accounts. */
export const kratos: Platform<KratosOptions> = {
  options,
  docs: {
    title: 'Ory Kratos',
    holds: 'The OAuth 2.0 tokens that came with the first login or the link; later logins do not update them',
    batch: 'One call for up to 500 users and all of their providers',
    refresh: 'No: the platform never refreshes, and states no expiry and no scopes',
    provider_user_id: 'Yes',
    external_accounts: 'Yes, up to 500 users in one call, without names and e-mail addresses',
    unverified: ['The names of the rate limit headers of Ory Network, and its limits'],
  },
  open({ api_key: apiKey, batch_size: batchSize, ...options }, deps) {
    const http = openHttp({
      ...httpTuning(options),
      baseUrl: options.base_url,
      headers: () => (apiKey === undefined ? {} : { authorization: `Bearer ${reveal(apiKey)}` }),
      ...deps,
    })
    const api = openApi(http, batchSize)
    return {
      autoRefreshes: false,
      ignoresPrefix: true,
      tokens: tokensFetcher(api),
      accounts: accountsFetcher(api),
      rate: http.rate,
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

function tokensFetcher(api: KratosApi): Many<TokenKey, readonly OAuthAccessToken[]> {
  const id = ({ userId, provider }: TokenKey): string => joinIds(userId, provider)
  return {
    kind: 'many',
    max: MAX_KEYS,
    id,
    async many(keys, call) {
      const userIds = [...new Set(keys.map(({ userId }) => userId))]
      const users = await api.identities(userIds, { withTokens: true }, call)
      return new Map(keys.map((key) => [id(key), pick(users.get(key.userId), key)]))
    },
  }
}

function pick(user: Identity | Error | undefined, { provider }: TokenKey): readonly OAuthAccessToken[] | Error {
  if (user === undefined) return new CodedError('USER_NOT_FOUND')
  if (user instanceof Error) return user
  const { identifiers = [], stored = [] } = user.oidc ?? {}
  const asked = rowsOf(
    stored,
    (link) => bareProvider(link.provider) === provider,
    (name) => bareProvider(name) === provider,
  )
  if (asked.some((row) => !isUnreadable(row) || row.provider !== null)) return settleOrError(asked, toToken)
  if (isLinked(identifiers, readable(stored), provider))
    // Linked, and nothing stored, or nothing that can be read.
    return asked.length > 0 ? settleOrError(asked, toToken) : new CodedError('REAUTHORIZATION_REQUIRED')
  if (isLinked(user.saml, [], provider)) return new CodedError('UNSUPPORTED_CREDENTIAL')
  // The identifiers name every link, unless one of them is missing.
  const isWhole = identifiers.length >= stored.length && !identifiers.some(isUnreadable)
  return isWhole ? [] : settleOrError([...asked, ...identifiers.filter(isUnreadable)], toToken)
}

function isLinked(identifiers: readonly Identifier[], known: readonly Linked[], provider: string): boolean {
  return readable<string>(identifiers).some((identifier) => {
    const stored = known.find((each) => identifier === `${each.provider}:${each.subject}`)
    return stored === undefined
      ? bareProvider(identifier).startsWith(`${provider}:`)
      : bareProvider(stored.provider) === provider
  })
}

function toToken({ provider, subject, organization, accessToken, idToken, expiresAt }: Link): OAuthAccessToken {
  // Kratos also writes an empty string where it could not decrypt.
  if (accessToken === null) throw new CodedError('REAUTHORIZATION_REQUIRED')
  return token({
    external_account_id: `${provider}:${subject}`,
    provider_user_id: subject,
    token: accessToken,
    expires_at: expiresAt,
    provider: bareProvider(provider),
    public_metadata: organization === null ? {} : { organization },
    id_token: idToken,
  })
}

function accountsFetcher(api: KratosApi): Many<string, readonly ExternalAccount[]> {
  return {
    kind: 'many',
    max: MAX_KEYS,
    id: (userId) => userId,
    async many(userIds, call) {
      // An id that is no UUID belongs to a user of another upstream, who is unknown here: that is not an error.
      const ids = userIds.filter(isUuid)
      const users = await api.identities(ids, { withTokens: false }, call)
      // An identifier with several colons is divided by what is stored beside it, which comes with the tokens alone.
      const unclear = ids.filter((id) => hasAmbiguous(users.get(id)))
      const exact = unclear.length === 0 ? users : await api.identities(unclear, { withTokens: true }, call)
      return new Map(
        [...users].map(([userId, user]) => [
          userId,
          user instanceof Error ? user : toAccounts(user, unclear.includes(userId) ? exact.get(userId) : user),
        ]),
      )
    },
  }
}

function hasAmbiguous(user: Identity | Error | undefined): boolean {
  if (user === undefined || user instanceof Error) return false
  return readable<string>(user.oidc?.identifiers ?? []).some(isAmbiguous)
}

/** `exact`: the identity with what is stored. */
function toAccounts({ oidc }: Identity, exact: Identity | Error | undefined): readonly ExternalAccount[] | Error {
  if (oidc === null) return []
  if (exact instanceof Error) return exact
  const { identifiers, createdAt, updatedAt } = oidc
  const known = readable(exact?.oidc?.stored ?? [])
  return settleOrError(identifiers, (identifier: string) => {
    const { provider, subject } = splitIdentifier(identifier, known)
    return account({
      id: `${provider}:${subject}`,
      provider: bareProvider(provider),
      provider_user_id: subject,
      created_at: createdAt,
      updated_at: updatedAt,
    })
  })
}
