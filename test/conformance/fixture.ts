/** What a platform brings to the conformance suite: a strict local server, and ways to set the scene at it. */
import { createHash } from 'node:crypto'
import type { PlatformName } from '../../src/upstreams/registry.ts'
import type { UpstreamEvent } from '../../src/upstreams/platform.ts'
import type { Misbehaviour } from '../servers/misbehaviour.ts'
import type { LocalServer } from '../servers/local.ts'

/** What a platform may not be able to express; the suite then expects `unsupported` to say why. */
export type OptionalCase =
  | 'many accounts'
  | 'needs consent'
  | 'unknown user'
  | 'provider not configured'
  | 'external accounts'
  | 'our key refused'
  | 'rate limited'
  | 'outage'
  | 'timeout'
  | 'protocol garbage'

/** The documented object as the graph answers it. */
export interface Expected {
  readonly object: 'oauth_access_token'
  readonly external_account_id: string
  readonly provider_user_id: string
  readonly token: string
  /** Whole Unix seconds. */
  readonly expires_at: number | null
  /** The canonical name: `oauth_google`. */
  readonly provider: string
  readonly public_metadata: Readonly<Record<string, unknown>>
  readonly label: string | null
  readonly scopes: readonly string[] | null
  readonly token_secret: string | null
  readonly id_token: string | null
}

/** What a test wants of an account; a platform that cannot express a part answers `Expected` without it. */
export type Connected = Omit<Expected, 'object' | 'provider'>

export interface Fixture extends AsyncDisposable {
  /** What stands below `upstreams.<name>` in the configuration, `platform` itself left out. */
  readonly options: Readonly<Record<string, unknown>>
  /** Three canonical providers that the platform serves, by the names that callers use. */
  readonly providers: readonly [string, string, string]
  /** Canonical names of providers whose own names need encoding, where the platform allows less than `oddProviders`. */
  readonly oddProviders?: readonly string[]
  /** The platform's own names, by canonical provider: the routes of the configuration derive from it. */
  readonly as?: Readonly<Record<string, string>>
  /** The `auth` part of the configuration that accepts what `bearerFor` gives. */
  readonly auth?: Readonly<Record<string, unknown>>
  /** By how many seconds `expires_at` may differ, at a platform that says how much is left. */
  readonly expiry_tolerance_seconds?: number
  /** The platform's id of the user that the suite calls so, where ids have a form of their own such as UUIDs. */
  idOf?(user_id: string): string
  /** Only for platforms that answer to the user's own token alone. */
  bearerFor?(user_id: string): Promise<string>
  /** Connects accounts (one, when none is described) and gives what the graph must answer, in order. */
  connect(user_id: string, provider: string, accounts?: readonly Partial<Connected>[]): Promise<readonly Expected[]>
  /** A user of the platform without accounts. */
  addUser(user_id: string): Promise<void>
  /** From now on the account is known but its token is dead. */
  needsConsent(user_id: string, provider: string): Promise<void>
  /** Calls for tokens that reached the server so far; `events` is for platforms without a server. */
  callCount(events: readonly UpstreamEvent[]): number
  /** The fewest calls in which so many tokens can be read. */
  fewestCalls(users: number, providers: number): number
  /** Changes the answers of the platform's server; a platform without a server: its rows, one column at a time. */
  readonly alter?: LocalServer['alter']
  readonly columns?: Columns
  refuseKey(): void
  /** Documented rate limiting, with the documented way to say how long it lasts. */
  rateLimit(retry_after_seconds: number): void
  outage(): void
  hang(): void
  garbage(): void
  /** From now on, requests that hold all these texts are answered so; null: no request leaves the process. */
  readonly spoil: ((how: Misbehaviour, words: readonly string[]) => void) | null
  /** Planted in every body that could carry them; they must reach nobody. */
  readonly canary: { readonly refresh_token: string; readonly client_secret: string }
  /** Whether the platform has given the canary away; the test would prove nothing otherwise. */
  canarySent(): boolean
}

/** The table of a platform that is a database. */
export interface Columns {
  readonly names: readonly string[]
  /** Puts the value into the row of the account; returns a function that takes it back; null: the table refuses it. */
  set(external_account_id: string, column: string, value: string | number | Uint8Array | null): (() => void) | null
}

/** An answer that the page of the platform documents (section 5) for one provider, or for one user. */
export interface Trouble {
  readonly label: string
  readonly how: Misbehaviour
}

export interface PlatformFixture {
  /** How one provider or one user fails by itself; left out: no read makes the platform ask a provider. */
  readonly troubles?: {
    /** null: as where `troubles` is left out. */
    readonly provider: readonly Trouble[] | null
    /** null: no request shows its user to the server that stands in. */
    readonly user: readonly Trouble[] | null
  }
  /** What the platform cannot express, each with the reason and the section of its contract. */
  readonly unsupported?: Readonly<Partial<Record<OptionalCase, string>>>
  /**
   * The fields by which an answer may fail an account: its id, its provider, its user, the token and its expiry, and what
   * holds them. Every other field only decorates.
   */
  readonly essential: readonly string[]
  start(): Promise<Fixture>
}

export type Fixtures = Readonly<Record<PlatformName, PlatformFixture>>

/** Names that operators give to integrations, connectors and identity providers. */
export const oddProviders = [
  'google mail',
  'https://idp.example.com/o?a=b#c',
  'oauth_google',
  'a,b',
  'team/calendly',
  '%2e%2e',
  'a+b=c&d',
  `"it's"`,
  'c:\\d',
  '__proto__',
  'constructor',
  'usé用户',
].map((name) => `oauth_${name}`)

/** The canary of a fixture; invented, and unlike anything else in an answer. */
export const canary = {
  refresh_token: 'invented-canary-refresh-token',
  client_secret: 'invented-canary-client-secret',
} as const

/** A UUID for the name that the suite gives to a user; the same for the same name. */
export function inventUuid(user_id: string): string {
  const hex = createHash('sha256').update(user_id).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  )
}

/** An account as a test describes it, with everything that the description leaves out. */
export function invent(user_id: string, provider: string, n: number, given: Partial<Connected> = {}): Expected {
  return {
    object: 'oauth_access_token',
    external_account_id: `account-${provider}-${String(n)}`,
    provider_user_id: `invented-provider-user-${String(n)}`,
    // As platforms have them: visible ASCII (RFC 6750 section 2.1).
    token: encodeURIComponent(`invented-token-${user_id}-${provider}-${n}`),
    expires_at: 4_102_444_800,
    provider,
    public_metadata: {},
    label: null,
    scopes: ['email', 'profile'],
    token_secret: null,
    id_token: null,
    ...given,
  }
}
