/**
 * The answers of this process: routes a provider to its upstream, shares calls in flight between requests, and
 * judges what came back by the caller's filter. Knows the interface of upstreams, never a concrete platform.
 */
import { CodedError, withDetails } from '../errors.ts'
import type { Upstream, UpstreamState } from '../upstreams/platform.ts'
import { listAccounts } from './accounts.ts'
import type { AccountList } from './accounts.ts'
import { openLane } from './lane.ts'
import type { Caller, Lane, LaneOptions, LaneRequest } from './lane.ts'
import type { Routing } from './routing.ts'
import { isLive } from './token.ts'
import type { OAuthAccessToken, TokenFilter, TokenKey } from './token.ts'

export type { Caller } from './lane.ts'

/** What a request asks for: `provider` is the canonical name (`oauth_google`). */
export interface TokenRequest extends TokenKey, TokenFilter {}

/** One provider that this graph serves; the id `*` stands for every provider without a route of its own. */
export interface ServedProvider {
  readonly id: string
  readonly upstream: string
  readonly platform: string
}

export interface TokenSource {
  /** One promise for each request, in order: the tokens (none connected: an empty list) or a `CodedError`. */
  tokens(requests: readonly TokenRequest[], caller: Caller): Promise<readonly OAuthAccessToken[]>[]
  /** One promise for each user, in order: what every upstream says that can list accounts. */
  accounts(user_ids: readonly string[], caller: Caller): Promise<readonly AccountList[]>[]
  readonly providers: readonly ServedProvider[]
  /** Whether any upstream wants the subject's own credential. */
  readonly forwards: boolean
  /** How every upstream is doing that can tell, by name. */
  states(): Readonly<Record<string, UpstreamState>>
  close(): Promise<void>
}

/** Tests pass clocks of their own; without `cache` nothing is remembered. */
export type SourceOptions = Partial<LaneOptions>

export function createSource(
  upstreams: readonly Upstream[],
  routing: Routing,
  options: SourceOptions = {},
): TokenSource {
  const laneOptions: LaneOptions = {
    cache: { seconds: 0, entries: 0 },
    now: () => Math.floor(Date.now() / 1000),
    now_ms: () => performance.now(),
    observe: () => undefined,
    ...options,
  }
  const { now } = laneOptions
  const lanes = new Map(upstreams.map((upstream) => [upstream.name, openLane(upstream, laneOptions)]))

  /** null: nobody answers for the provider. */
  function route(provider: string): { lane: Lane; name: string } | null {
    const found = Object.hasOwn(routing.routes, provider) ? routing.routes[provider] : undefined
    const lane = lanes.get(found?.upstream ?? routing.default ?? '')
    return lane === undefined ? null : { lane, name: found?.as ?? provider }
  }

  /** Keys of one upstream go there together, so that a bulk endpoint sees them as one batch. */
  function tokens(requests: readonly TokenRequest[], caller: Caller): Promise<readonly OAuthAccessToken[]>[] {
    const answers = new Array<Promise<readonly OAuthAccessToken[]>>(requests.length)
    const batches = new Map<Lane, { keys: LaneRequest[]; positions: number[] }>()
    for (const [position, request] of requests.entries()) {
      const { provider } = request
      const found = route(provider)
      if (found === null) {
        answers[position] = Promise.reject(new CodedError('PROVIDER_NOT_CONFIGURED', undefined, { provider }))
        continue
      }
      const batch = batches.get(found.lane) ?? { keys: [], positions: [] }
      batches.set(found.lane, batch)
      batch.keys.push(found.name === provider ? request : { ...request, provider: found.name })
      batch.positions.push(position)
    }
    for (const [lane, { keys, positions }] of batches) {
      const rows = lane.tokens(keys, caller)
      for (const [index, position] of positions.entries()) {
        const request = requests[position]
        const answer = rows[index]
        if (request === undefined || answer === undefined) throw new Error('one answer for each key was promised')
        answers[position] = finish(answer, request, lane.upstream)
      }
    }
    return answers
  }

  async function finish(
    rows: Promise<readonly OAuthAccessToken[] | null>,
    request: TokenRequest,
    upstream: Upstream,
  ): Promise<readonly OAuthAccessToken[]> {
    try {
      return judge((await rows) ?? [], request, upstream, now())
    } catch (error) {
      throw inContext(error, upstream.name, request.provider)
    }
  }

  return {
    tokens,
    accounts: (user_ids, caller) => listAccounts(lanes.values(), routing, user_ids, caller),
    providers: listProviders(lanes, routing),
    forwards: upstreams.some((upstream) => upstream.forwards === true),
    states: () =>
      Object.fromEntries(
        upstreams.flatMap((upstream) => {
          const state = upstream.state?.()
          return state === undefined ? [] : [[upstream.name, state] as const]
        }),
      ),
    close: async () => {
      await Promise.all([...lanes.values()].map((lane) => lane.close()))
    },
  }
}

/** The rows that the caller asked for. Stored tokens that expired are no use; one dead account hides no live one. */
function judge(
  rows: readonly OAuthAccessToken[],
  request: TokenRequest,
  upstream: Upstream,
  nowSeconds: number,
): readonly OAuthAccessToken[] {
  const { external_account_id, min_validity_seconds, provider } = request
  const asked =
    external_account_id === null ? rows : rows.filter((row) => row.external_account_id === external_account_id)
  const live = upstream.refreshes ? asked : asked.filter((row) => isLive(row, min_validity_seconds, nowSeconds))
  if (live.length === 0 && asked.length > 0) throw new CodedError('REAUTHORIZATION_REQUIRED')
  return live.map((row) => (row.provider === provider ? row : { ...row, provider }))
}

/** Adds where it happened; what is not a coded error is a defect of ours and stays as it is. */
function inContext(error: unknown, upstream: string, provider: string): unknown {
  return error instanceof CodedError ? withDetails(error, { upstream, provider }) : error
}

function listProviders(lanes: ReadonlyMap<string, Lane>, routing: Routing): readonly ServedProvider[] {
  const served = (id: string, name: string): ServedProvider[] => {
    const platform = lanes.get(name)?.upstream.platform
    return platform === undefined ? [] : [{ id, upstream: name, platform }]
  }
  return [
    ...Object.entries(routing.routes).flatMap(([id, { upstream }]) => served(id, upstream)),
    ...(routing.default === null ? [] : served('*', routing.default)),
  ]
}
