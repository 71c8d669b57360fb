/**
 * The answers of this process: routes a provider to its upstream, filters what came back, and puts the names of the
 * upstream and of the provider on errors. Knows the interface of upstreams, never a concrete platform.
 */
import { CodedError, withDetails } from '../errors.ts'
import { mapAnswer } from '../lib/answer.ts'
import { reveal } from '../lib/secret.ts'
import type { Answer } from '../lib/answer.ts'
import { monotonicMs, unixSeconds } from '../lib/clock.ts'
import type { RateOptions } from '../upstreams/platform.ts'
import type { Upstream, UpstreamState } from '../upstreams/platform.ts'
import { graphId, listAccounts, looksLikeGraphId } from './accounts.ts'
import type { AccountList } from './accounts.ts'
import { isLive } from './cache.ts'
import { openCachedUpstream } from './cached-upstream.ts'
import type { CachedUpstream, CachedUpstreamOptions, Caller } from './cached-upstream.ts'
import { bareProvider, displayText, isOpaque, wireProvider } from './ids.ts'
import type { OAuthAccessToken, Routing, TokenRequest } from './types.ts'

export type { Caller } from './cached-upstream.ts'

/** One provider that this graph serves; the id is a bare name, or `*` for every provider without a route. */
export interface ServedProvider {
  readonly id: string
  readonly upstream: string
  readonly platform: string
}

export interface TokenSource {
  /** The tokens that the request asks for; none connected: an empty list. Throws and rejects with a `CodedError`. */
  tokens(request: TokenRequest, caller: Caller): Answer<readonly OAuthAccessToken[]>
  /** What every upstream says of the user that can list accounts. */
  accounts(userId: string, caller: Caller): Promise<readonly AccountList[]>
  readonly providers: readonly ServedProvider[]
  /** The rate limits that upstreams state. */
  readonly rates: readonly RateOptions[]
  /** Whether any upstream uses the subject's own credential. */
  readonly usesSubjectToken: boolean
  /** How every upstream is doing that can tell, by name. */
  states(): Readonly<Record<string, UpstreamState>>
  /** Waits for the work of upstreams that must not be cut off. */
  finish(): Promise<void>
  close(): Promise<void>
}

/** Tests pass clocks of their own; without `cache` nothing is cached. */
export type SourceOptions = Partial<CachedUpstreamOptions>

export function createSource(upstreams: readonly Upstream[], given: Routing, options: SourceOptions = {}): TokenSource {
  const opened: CachedUpstreamOptions = {
    cache: { seconds: 0, entries: 0 },
    now: unixSeconds,
    nowMs: monotonicMs,
    observe: () => undefined,
    ...options,
  }
  const byName = new Map(upstreams.map((upstream) => [upstream.name, openCachedUpstream(upstream, opened)]))
  const routing = withBareNames(given, (name) => byName.get(name)?.upstream.ignoresPrefix ?? false)

  /** null: no upstream answers for the provider. */
  function route(provider: string): { readonly target: CachedUpstream; readonly name: string } | null {
    const found = Object.hasOwn(routing.routes, provider) ? routing.routes[provider] : undefined
    const target = byName.get(found?.upstream ?? routing.default ?? '')
    return target === undefined ? null : { target, name: found?.as ?? provider }
  }

  return {
    tokens(request, caller) {
      const provider = wireProvider(request.provider)
      const found = route(request.provider)
      if (found === null) throw new CodedError('PROVIDER_NOT_CONFIGURED', undefined, { provider })
      const { target, name } = found
      const { upstream } = target
      const { externalAccountId } = request
      // The cache knows accounts by the platform's ids.
      const known = externalAccountId === null || looksLikeGraphId(externalAccountId) ? null : externalAccountId
      return mapAnswer(
        () => target.tokens({ ...request, provider: name, externalAccountId: known }, caller),
        (rows) => selectLive(rows ?? [], request, name, upstream, opened.now()),
        (error) => labelled(error, { upstream: upstream.name, provider }, caller),
      )
    },
    accounts: (userId, caller) => listAccounts(byName.values(), routing, userId, caller),
    providers: listProviders(byName, routing),
    rates: upstreams.flatMap(({ rate = null }) => (rate === null ? [] : [rate])),
    usesSubjectToken: upstreams.some(({ usesSubjectToken = false }) => usesSubjectToken),
    states: () =>
      Object.fromEntries(
        upstreams.flatMap((upstream) => {
          const state = upstream.state?.()
          return state === undefined ? [] : [[upstream.name, state] as const]
        }),
      ),
    finish: async () => {
      await Promise.all(upstreams.flatMap(({ finish }) => (finish === undefined ? [] : [finish()])))
    },
    close: async () => {
      await Promise.all([...byName.values()].map((upstream) => upstream.close()))
    },
  }
}

/** The configuration may write `google` or `oauth_google`; `as` is the platform's own name, where the two may differ. */
function withBareNames({ routes, default: fallback }: Routing, ignoresPrefix: (upstream: string) => boolean): Routing {
  const bare = Object.entries(routes).map(([provider, { upstream, as }]) => {
    const route = { upstream, as: as !== null && ignoresPrefix(upstream) ? bareProvider(as) : as }
    return [bareProvider(provider), route] as const
  })
  return { routes: Object.fromEntries(bare), default: fallback }
}

/**
 * The rows that the caller asked for. A token past its known expiry is dead, whichever platform sent it, and hides no
 * live one. One that lives shorter than the caller asks for is still handed out where the platform refreshes and was
 * asked anew: consent would not make it live longer.
 */
function selectLive(
  rows: readonly OAuthAccessToken[],
  request: TokenRequest,
  name: string,
  upstream: Upstream,
  nowSeconds: number,
): readonly OAuthAccessToken[] {
  const { provider } = request
  // What access decided about is what was asked for: a row of another provider is the platform's mistake.
  const own = rows.filter((row) => row.provider === name)
  if (own.length === 0 && rows.length > 0) throw new CodedError('UPSTREAM_PROTOCOL_ERROR')
  const named = own.filter((row) => isAccount(row, request, upstream.name))
  const asked = named.filter(isReadable)
  if (asked.length === 0 && named.length > 0) throw new CodedError('UPSTREAM_PROTOCOL_ERROR')
  const minimumOf = ({ problem }: OAuthAccessToken): number =>
    upstream.autoRefreshes && problem?.code !== 'REAUTHORIZATION_REQUIRED' ? 0 : request.minValiditySeconds
  const live = asked.filter((row) => isLive(row, minimumOf(row), nowSeconds))
  const [first] = asked
  if (live.length === 0 && first !== undefined) {
    // Of several accounts, one whose trouble passes is worth asking again for.
    const passing = asked.find(({ problem }) => problem !== null && problem.code !== 'REAUTHORIZATION_REQUIRED')
    throw passing?.problem ?? new CodedError('REAUTHORIZATION_REQUIRED')
  }
  return live.map((row) => toShow(row, provider))
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
  const label = displayText(row.label)
  const providerUserId = displayText(row.provider_user_id) ?? ''
  const idToken = row.id_token !== null && control.test(reveal(row.id_token)) ? null : row.id_token
  const isSame =
    row.provider === provider &&
    row.label === label &&
    row.provider_user_id === providerUserId &&
    row.id_token === idToken
  return isSame ? row : { ...row, provider, label, provider_user_id: providerUserId, id_token: idToken }
}

/** Callers may name the account by its id at the platform, or by its id in the graph. */
function isAccount(row: OAuthAccessToken, request: TokenRequest, upstream: string): boolean {
  const { userId, provider, externalAccountId } = request
  return (
    externalAccountId === null ||
    externalAccountId === row.external_account_id ||
    (looksLikeGraphId(externalAccountId) &&
      externalAccountId === graphId(upstream, userId, provider, row.external_account_id))
  )
}

/** What is not a coded error is a defect of this server and stays as it is. */
function labelled(
  error: unknown,
  names: { readonly upstream: string; readonly provider: string },
  { onFailure }: Caller,
): unknown {
  if (!(error instanceof CodedError)) return error
  const labelledError = withDetails(error, names)
  onFailure?.(labelledError)
  return labelledError
}

function listProviders(
  byName: ReadonlyMap<string, CachedUpstream>,
  { routes, default: fallback }: Routing,
): readonly ServedProvider[] {
  const served = (id: string, name: string): ServedProvider[] => {
    const platform = byName.get(name)?.upstream.platform
    return platform === undefined ? [] : [{ id, upstream: name, platform }]
  }
  return [
    ...Object.entries(routes).flatMap(([id, { upstream }]) => served(id, upstream)),
    ...(fallback === null ? [] : served('*', fallback)),
  ]
}
