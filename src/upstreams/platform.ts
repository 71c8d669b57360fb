/**
 * The interface between platforms and the rest of the server: types only. A platform turns its HTTP or SQL into these
 * records, throws `CodedError`, and knows nothing of GraphQL, configuration files or callers.
 */
import type { ZodType } from 'zod'
import type { Secret } from '../lib/secret.ts'
import type { SpanLink } from '../lib/singleflight.ts'
import type { AccountKeeper } from '../tokens/keeper.ts'
import type { ExternalAccount, OAuthAccessToken, TokenKey } from '../tokens/types.ts'

/** The limits of one call, set by its callers. */
export interface Call {
  /** Aborted when no caller waits for the answer any more. */
  readonly signal: AbortSignal
  /**
   * Milliseconds on the clock of `performance.now()` after which the answer is no use any more; Infinity: never. It may
   * move while the call is in flight, because callers join that can wait longer.
   */
  deadline(): number
  /** The caller, as an opaque id: upstreams with a queue serve viewers in turn. null: the server itself. */
  readonly viewer: string | null
  /** The spans of the requests that wait or waited for the answer, for `UpstreamEvent`. Left out: none. */
  traces?(): readonly SpanLink[]
}

/** One call for each key: no key waits for a slow one. */
export interface One<K, V> {
  readonly kind: 'one'
  one(key: K, call: Call): Promise<V | null>
}

/**
 * One endpoint for each key, where the calls for the keys of one group belong together: a platform may save calls when
 * it knows which keys of a user are asked for. `siblings` are the keys of the group that are asked for in the same tick,
 * the key itself among them.
 */
export interface Grouped<K, V> {
  readonly kind: 'grouped'
  /** The group of a key: its user. */
  by(key: K): string
  one(key: K, call: Call, siblings: readonly K[]): Promise<V | null>
}

/**
 * A real bulk endpoint. The answer is a Map by id, so that order and missing ids cannot matter; a value may be an
 * Error of its own key. `max` keys at most go into one call.
 */
export interface Many<K, V> {
  readonly kind: 'many'
  readonly max: number
  id(key: K): string
  many(keys: readonly K[], call: Call): Promise<ReadonlyMap<string, V | Error>>
  /**
   * For a platform in this process that remembers answers, and can prove by one look that nothing has changed since.
   * Resolves to a function of a key: its answer; undefined where `many` has to be asked. Null: nothing is proved.
   */
  remembered?(call: Pick<Call, 'deadline'>): Promise<((key: K) => V | Error | undefined) | null>
}

/** One call returns all rows of a parent (a user), from which each key picks its own. */
export interface All<K, V, Row = unknown> {
  readonly kind: 'all'
  parent(key: K): string
  all(parent: string, call: Call): Promise<readonly Row[]>
  pick(key: K, rows: readonly Row[]): V | null
}

/** How an endpoint is called: everything about batching follows from it. */
export type Fetcher<K, V> = One<K, V> | Grouped<K, V> | Many<K, V> | All<K, V>

/** An account with everything that its platform gives of it, to be kept elsewhere. */
export interface ExportedAccount {
  readonly userId: string
  readonly token: OAuthAccessToken
  /** null: there is none, or the platform keeps it to itself. */
  readonly refreshToken: Secret | null
  /** What the platform calls the OAuth client of the tokens; null: it does not say. */
  readonly client: string | null
  /** Names and pictures; null: it has none. */
  readonly profile: Pick<
    ExternalAccount,
    'email_address' | 'username' | 'first_name' | 'last_name' | 'image_url'
  > | null
}

/** An account that could not be had, as far as it has a name. */
export interface Unexported {
  readonly userId: string | null
  /** The bare name. */
  readonly provider: string | null
  readonly account: string | null
  /** A code of `errorCodes`. */
  readonly code: string
}

export type Exported = ExportedAccount | Unexported

/** What a platform opens: how its endpoints want to be called, and how it behaves. */
export interface OpenPlatform {
  /** Whether the platform refreshes expired tokens by itself when it is asked for them. */
  readonly autoRefreshes: boolean
  /** Whether the platform answers only to the subject's own credential (`TokenKey.credential`). */
  readonly usesSubjectToken?: boolean
  /** All accounts of a user at a provider; an empty list when none is connected. */
  readonly tokens: Fetcher<TokenKey, readonly OAuthAccessToken[]>
  /** All connected accounts of a user, by user id; null: the platform does not know the user. */
  readonly accounts: Fetcher<string, readonly ExternalAccount[]> | null
  /**
   * Whether `oauth_google` and `google` are one provider at the platform: its records then have bare names. Left out:
   * they are two, and the platform's own `oauth_google` is `oauth_oauth_google` for callers.
   */
  readonly ignoresPrefix?: boolean
  /** Whether the platform gives every account an id of its own, across users and providers. */
  readonly uniqueAccountIds?: boolean
  /** Whether the answers come out of this process: to cache them would only make a revocation slower. */
  readonly inProcess?: boolean
  /** The rate limit of the credential that reads tokens; null or left out: none is known. */
  readonly rate?: RateOptions | null
  /** Everything that it holds, page by page, for `vault import --from`. Left out: it cannot be listed. */
  exportAll?(call: Call): AsyncIterable<readonly Exported[]>
  /** Left out: accounts are connected and disconnected elsewhere. */
  readonly keeper?: AccountKeeper
  /** Resolves once the platform can be asked; rejects with `Error` for the operator. Left out: it can be at once. */
  readonly ready?: Promise<void>
  /** Waits for work that belongs to no request and must not be cut off, such as a refresh that began. */
  finish?(): Promise<void>
  /** For metrics and `/ready`; left out where no request has to wait. */
  state?(): UpstreamState
  /** For metrics: how the accounts are doing that this process keeps alive. */
  census?(): Promise<Census>
  close(): Promise<void>
}

/** One configured instance of a platform. */
export interface Upstream extends OpenPlatform {
  /** The name that the operator gave it, also in `extensions.upstream`. */
  readonly name: string
  readonly platform: string
}

/** So many requests in any span of so many seconds. */
export interface RateOptions {
  readonly requests: number
  readonly perSeconds: number
}

/** As `/ready` shows it. */
export interface UpstreamState {
  readonly breaker: 'closed' | 'open' | 'half-open'
  /** Requests that wait for their turn, and requests that were sent and not answered. */
  readonly queued: number
  readonly under_way: number
  /** Milliseconds for which the platform still refuses requests. */
  readonly blocked_ms: number
}

export interface Census {
  /** Accounts by their state. */
  readonly accounts: Readonly<Record<string, number>>
  /** Accounts whose new tokens wait for the database. */
  readonly spooled: number
  /** Clients that their provider refuses. */
  readonly refusedClients: number
}

/**
 * The end of an HTTP exchange or SQL statement, or of a request that did not lead to one because it was refused,
 * answered from the cache or shared with a call in flight. For logs, metrics and tests.
 */
export interface UpstreamEvent {
  readonly upstream: string
  readonly operation: string
  /** How many keys the call answered for. */
  readonly keys: number
  readonly outcome: 'ok' | 'error' | 'aborted' | 'refused' | 'cached' | 'coalesced'
  readonly durationMs: number
  /** The HTTP status of the answer; left out: there was none. */
  readonly status?: number
  /** Why there was no answer, in a few fixed words or a short code: `ECONNREFUSED`. */
  readonly reason?: string
  /** The spans of the requests that shared the call; left out: none is known. */
  readonly traces?: readonly SpanLink[]
}

/** An event as a platform reports it; the server adds the name of the upstream. */
export type PlatformEvent = Omit<UpstreamEvent, 'upstream'>

/** What every upstream is opened with; a platform hands it on whole to `openHttp`. */
export interface UpstreamDeps {
  /** Whether `allow_http` names the upstream: plain http to private addresses. Left out: to loopback addresses only. */
  readonly plainHttp?: boolean
  observe(event: PlatformEvent): void
  /** Tells the operator of something that no request fails with; never with a secret. Left out: nobody listens. */
  readonly warn?: (message: string, details: Readonly<Record<string, string | number>>) => void
}

/** One row of the platform table in the docs. */
export interface PlatformDocs {
  readonly title: string
  readonly holds: string
  readonly batch: string
  readonly refresh: string
  readonly provider_user_id: string
  readonly external_accounts: string
  /** Facts that no primary source states; the code handles either truth. */
  readonly unverified?: readonly string[]
}

/** A kind of system that holds tokens: one folder and one line in the registry. */
export interface Platform<Options = unknown> {
  /** The keys below `upstreams.<name>` in the configuration, `platform` itself left out. */
  readonly options: ZodType<Options>
  readonly docs: PlatformDocs
  /** Opens the connection pool or the database; throws `CodedError` or `Error` with a message for the operator. */
  open(options: Options, deps: UpstreamDeps): OpenPlatform
}
