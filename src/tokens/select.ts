/**
 * The tokens that a caller asked for, out of the rows of a platform. What holds for every caller (which rows can be
 * read, and how they are shown) is found out once for each answer, however often the cache gives it.
 */
import { CodedError } from '../errors.ts'
import { safeJsonObject } from '../lib/json.ts'
import { reveal } from '../lib/secret.ts'
import type { Upstream } from '../upstreams/platform.ts'
import { graphId, looksLikeGraphId } from './accounts.ts'
import { isLive } from './cache.ts'
import { displayText, isOpaque } from './ids.ts'
import type { OAuthAccessToken, SubjectToken, TokenRequest } from './types.ts'

/** An answer of a platform, as it is shown under one name of a provider. */
interface Shown {
  readonly subject: string
  readonly provider: string
  /** In the order of the platform. */
  readonly rows: readonly (SubjectToken | UnreadableToken)[]
  /** The same where every row can be read; null where one cannot. */
  readonly tokens: readonly SubjectToken[] | null
  /** Unix seconds: the first expiry of a row; Infinity where none is known, -Infinity where a row has a problem. */
  readonly firstExpiry: number
}

/** A row that cannot be handed out, and is missed only where it was asked for. */
interface UnreadableToken {
  readonly token: OAuthAccessToken
  readonly subject: null
}

/**
 * Returns the live tokens among the rows, which are of the platform's own `name` for the provider. Throws a
 * `CodedError` where rows were asked for and none of them can be handed out.
 */
export type SelectTokens = (
  rows: readonly OAuthAccessToken[],
  request: TokenRequest,
  name: string,
  upstream: Upstream,
) => readonly SubjectToken[]

/** `now` returns Unix seconds. */
export function createSelection(now: () => number): SelectTokens {
  /** Answers are never changed, so that what is shown of one lives as long as it does. */
  const shown = new WeakMap<readonly OAuthAccessToken[], Shown>()

  function show(rows: readonly OAuthAccessToken[], { userId, provider }: TokenRequest, name: string): Shown {
    const known = shown.get(rows)
    if (known?.subject === userId && known.provider === provider) return known
    const made = toShown(rows, userId, provider, name, now())
    shown.set(rows, made)
    return made
  }

  return (rows, request, name, upstream) => {
    if (rows.length === 0) return []
    const { rows: own, tokens, firstExpiry } = show(rows, request, name)
    // A token that lives shorter than the caller asks for is still handed out where the platform refreshes and was asked
    // anew: consent would not make it live longer.
    const minimum = upstream.autoRefreshes ? 0 : request.minValiditySeconds
    const nowSeconds = now()
    if (tokens !== null && request.externalAccountId === null && firstExpiry - minimum > nowSeconds) return tokens
    const minimumOf = ({ problem }: OAuthAccessToken): number =>
      problem?.code === 'REAUTHORIZATION_REQUIRED' ? request.minValiditySeconds : minimum
    const named = own.filter((row) => isAccount(row, request, upstream.name))
    const asked = named.filter((row) => row.subject !== null)
    if (asked.length === 0 && named.length > 0) throw new CodedError('UPSTREAM_PROTOCOL_ERROR')
    // A token past its known expiry is dead, whichever platform sent it, and hides no live one.
    const live = asked.filter(({ token }) => isLive(token, minimumOf(token), nowSeconds))
    if (live.length > 0 || asked.length === 0) return live
    // Of several accounts, one whose trouble passes is worth asking again for.
    const passing = asked.find(
      ({ token: { problem } }) => problem !== null && problem.code !== 'REAUTHORIZATION_REQUIRED',
    )
    throw passing?.token.problem ?? new CodedError('REAUTHORIZATION_REQUIRED')
  }
}

function toShown(
  rows: readonly OAuthAccessToken[],
  subject: string,
  provider: string,
  name: string,
  readAt: number,
): Shown {
  // What access decided about is what was asked for: a row of another provider is the platform's mistake.
  const own = rows.filter((row) => row.provider === name)
  if (own.length === 0) throw new CodedError('UPSTREAM_PROTOCOL_ERROR')
  const tokens = own
    .filter(isReadable)
    .map((row) => ({ subject, token: toShow(row, provider), readAt, auditTexts: [], texts: new Map() }))
  const areAllReadable = tokens.length === own.length
  const shownOf = tokens.values()
  return {
    subject,
    provider,
    rows: areAllReadable
      ? tokens
      : own.map((row) => (isReadable(row) ? shownOf.next().value : undefined) ?? { token: row, subject: null }),
    tokens: areAllReadable ? tokens : null,
    firstExpiry: Math.min(
      ...own.map(({ problem, expires_at: at }) => (problem === null ? (at ?? Infinity) : -Infinity)),
    ),
  }
}

// RFC 6749 appendix A.12: tokens are visible. A line break in one would break the header that it goes into.
const control = /\p{Cc}/u

function isReadable({ external_account_id: id, token, token_secret: tokenSecret }: OAuthAccessToken): boolean {
  return (
    isOpaque(id, Infinity) &&
    !control.test(reveal(token)) &&
    (tokenSecret === null || !control.test(reveal(tokenSecret)))
  )
}

/** What only decorates a token degrades; the token itself stays. */
function toShow(row: OAuthAccessToken, provider: string): OAuthAccessToken {
  return {
    ...row,
    provider,
    label: displayText(row.label),
    provider_user_id: displayText(row.provider_user_id) ?? '',
    // Every platform's metadata passes here, so this is where the rule about keys holds for all of them.
    public_metadata: safeJsonObject(row.public_metadata),
    id_token: row.id_token !== null && control.test(reveal(row.id_token)) ? null : row.id_token,
  }
}

/** Callers may name the account by its id at the platform, or by its id in the graph. */
function isAccount(
  { token: { external_account_id: id } }: SubjectToken | UnreadableToken,
  { userId, provider, externalAccountId }: TokenRequest,
  upstream: string,
): boolean {
  return (
    externalAccountId === null ||
    externalAccountId === id ||
    (looksLikeGraphId(externalAccountId) && externalAccountId === graphId(upstream, userId, provider, id))
  )
}
