/**
 * The answers of this process: routes a provider to its upstream, filters what came back, and puts the names of the
 * upstream and of the provider on errors. Knows the interface of upstreams, never a concrete platform.
 */
import { CodedError, withDetails } from '../errors.ts'
import type { Answer } from '../lib/answer.ts'
import { monotonicMs, oncePerTick, unixSeconds } from '../lib/time.ts'
import type { Census, RateOptions, Upstream, UpstreamState } from '../upstreams/platform.ts'
import { callersNames, listAccounts, looksLikeGraphId } from './accounts.ts'
import type { AccountList } from './accounts.ts'
import { openCachedUpstream } from './cached-upstream.ts'
import type { CachedUpstream, CachedUpstreamOptions, Caller } from './cached-upstream.ts'
import { bareProvider, wireProvider } from './ids.ts'
import type { AccountKeeper } from './keeper.ts'
import { createSelection } from './select.ts'
import type { OAuthAccessToken, Routing, SubjectToken, TokenRequest } from './types.ts'

export type { Caller } from './cached-upstream.ts'

/** One provider that this graph serves; the id is a bare name, or `*` for every provider without a route. */
export interface ServedProvider {
  readonly id: string
  readonly upstream: string
  readonly platform: string
}

export interface KeptProvider {
  readonly keeper: AccountKeeper
  /** The bare name that the upstream knows the provider by. */
  readonly name: string
}

export interface Keeping {
  readonly keeper: AccountKeeper
  readonly upstream: string
  /** The bare names by which callers ask for a provider of it; none: another upstream answers. */
  names(provider: string): readonly string[]
}

export interface TokenSource {
  /** The tokens that the request asks for; none connected: an empty list. Throws and rejects with a `CodedError`. */
  tokens(request: TokenRequest, caller: Caller): Answer<readonly SubjectToken[]>
  /**
   * Proves for one request what upstreams of this process remember, so that its tokens are at hand. Never rejects; null:
   * there is none to prove.
   */
  prepare(caller: Caller): Promise<unknown> | null
  /** What every upstream says of the user that can list accounts. */
  accounts(userId: string, caller: Caller): Promise<readonly AccountList[]>
  readonly providers: readonly ServedProvider[]
  /**
   * What keeps the accounts at a provider, and the provider's name there. Throws PROVIDER_NOT_CONFIGURED, and
   * CONNECT_NOT_SUPPORTED where accounts are connected elsewhere.
   */
  keeperOf(provider: string): KeptProvider
  /** Every upstream that keeps accounts. */
  readonly keepers: readonly Keeping[]
  /** The rate limits that upstreams state. */
  readonly rates: readonly RateOptions[]
  /** Whether any upstream uses the subject's own credential. */
  readonly usesSubjectToken: boolean
  /** How every upstream is doing that can tell, by name. */
  states(): Readonly<Record<string, UpstreamState>>
  /** How the accounts are doing that this process keeps alive, by upstream. */
  census(): Promise<readonly (Census & { readonly upstream: string })[]>
  /** Waits for the work of upstreams that must not be cut off. */
  finish(): Promise<void>
  close(): Promise<void>
}

/** Tests pass clocks of their own; without `cache` nothing is cached. */
export type SourceOptions = Partial<CachedUpstreamOptions>

export function createSource(upstreams: readonly Upstream[], given: Routing, options: SourceOptions = {}): TokenSource {
  const opened: CachedUpstreamOptions = {
    cache: { seconds: 0, entries: 0 },
    now: oncePerTick(unixSeconds),
    nowMs: oncePerTick(monotonicMs),
    observe: () => undefined,
    ...options,
  }
  const byName = new Map(upstreams.map((upstream) => [upstream.name, openCachedUpstream(upstream, opened)]))
  const routing = withBareNames(given, (name) => byName.get(name)?.upstream.ignoresPrefix ?? false)

  const { default: fallback } = routing
  const fallbackTarget = fallback === null ? undefined : byName.get(fallback)
  const routes = new Map(
    Object.entries(routing.routes).map(([provider, { upstream, as }]) => {
      return [provider, { target: byName.get(upstream), name: as ?? provider }] as const
    }),
  )
  const select = createSelection(opened.now)
  const prepared = [...byName.values()].flatMap(({ prepare }) => prepare ?? [])

  function targetOf(provider: string): { readonly target: CachedUpstream; readonly name: string } {
    const route = routes.get(provider)
    const target = route === undefined ? fallbackTarget : route.target
    if (target === undefined)
      throw new CodedError('PROVIDER_NOT_CONFIGURED', undefined, { provider: wireProvider(provider) })
    return { target, name: route?.name ?? provider }
  }

  async function later(
    answer: Promise<readonly OAuthAccessToken[] | null>,
    request: TokenRequest,
    name: string,
    upstream: Upstream,
    caller: Caller,
  ): Promise<readonly SubjectToken[]> {
    try {
      const rows = await answer
      return rows === null ? [] : select(rows, request, name, upstream)
    } catch (error) {
      throw labelled(error, namesOf(upstream, request.provider), caller)
    }
  }

  return {
    tokens(request, caller) {
      const { userId, provider, externalAccountId, minValiditySeconds } = request
      const { target, name } = targetOf(provider)
      const { upstream } = target
      // The cache knows accounts by the platform's ids.
      const known = externalAccountId === null || looksLikeGraphId(externalAccountId) ? null : externalAccountId
      try {
        const answer = target.tokens(
          { userId, provider: name, credential: null, externalAccountId: known, minValiditySeconds },
          caller,
        )
        if (answer instanceof Promise) return later(answer, request, name, upstream, caller)
        return answer === null ? [] : select(answer, request, name, upstream)
      } catch (error) {
        throw labelled(error, namesOf(upstream, provider), caller)
      }
    },
    prepare: (caller) => (prepared.length === 0 ? null : Promise.all(prepared.map((prepare) => prepare(caller)))),
    accounts: (userId, caller) => listAccounts(byName.values(), routing, userId, caller),
    providers: listProviders(byName, routing),
    keeperOf(provider) {
      const { target, name } = targetOf(provider)
      const { keeper, name: upstream } = target.upstream
      if (keeper === undefined)
        throw new CodedError('CONNECT_NOT_SUPPORTED', undefined, { upstream, provider: wireProvider(provider) })
      return { keeper, name }
    },
    keepers: upstreams.flatMap(({ name, keeper }) =>
      keeper === undefined
        ? []
        : [{ upstream: name, keeper, names: (provider: string) => callersNames(provider, name, routing) }],
    ),
    rates: upstreams.flatMap(({ rate = null }) => (rate === null ? [] : [rate])),
    usesSubjectToken: upstreams.some(({ usesSubjectToken = false }) => usesSubjectToken),
    states: () =>
      Object.fromEntries(
        upstreams.flatMap((upstream) => {
          const state = upstream.state?.()
          return state === undefined ? [] : [[upstream.name, state] as const]
        }),
      ),
    census: () =>
      Promise.all(
        upstreams.flatMap(({ name, census }) =>
          census === undefined ? [] : [census().then((counts) => ({ upstream: name, ...counts }))],
        ),
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

function namesOf({ name }: Upstream, provider: string): { readonly upstream: string; readonly provider: string } {
  return { upstream: name, provider: wireProvider(provider) }
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
