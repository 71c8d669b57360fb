/**
 * What a platform can do that keeps accounts itself: connect them, give them up, and say what happened to them. Types
 * only; the vault is the one that does (docs/connect.md).
 */
import type { AccountEvent } from './types.ts'

/** An account as its platform knows it. */
export interface AccountKey {
  readonly userId: string
  /** The bare name. */
  readonly provider: string
  readonly externalAccountId: string
}

/** What a disconnection came to at the provider. */
export interface Disconnected {
  /**
   * PENDING: the provider is asked again for up to a day. UNSUPPORTED: it takes no revocation. SHARED: another account
   * lives on the same grant, which stays. FAILED: the grant lives on.
   */
  readonly state: 'PENDING' | 'REVOKED' | 'UNSUPPORTED' | 'SHARED' | 'FAILED'
  /** What ends at the provider with the tokens of the account. */
  readonly effect: 'token' | 'grant' | 'all_grants_of_client'
}

export interface EventPage {
  readonly events: readonly AccountEvent[]
  /** Continues after the last event that was looked at; what was given where there is none. */
  readonly cursor: string | null
  readonly hasMore: boolean
}

/** Whose account is to be connected, and how the browser comes back. */
export interface ConnectionStart {
  readonly userId: string
  /** The bare name. */
  readonly provider: string
  /** Beside those of the client, and those that the account has; null: no others. */
  readonly scopes: readonly string[] | null
  /** An account that gets new tokens, or more scopes; null: a new one, unless the same is known already. */
  readonly externalAccountId: string | null
  /** One of the addresses of the configuration, to the letter. */
  readonly returnTo: string
  /** S256 (RFC 7636 section 4.2) of a verifier that stays with whoever begins. */
  readonly codeChallenge: string
  readonly loginHint: string | null
}

export interface StartedConnection {
  readonly id: string
  /** For the user's browser. */
  readonly authorizationUrl: string
  /** Whole Unix seconds. */
  readonly expiresAt: number
}

/**
 * PENDING: the browser has not come back. RETURNED: it has, and the connection can be finished. FINISHED: the account is
 * kept. DENIED: the user refused. FAILED: the provider, or a check, refused. EXPIRED: it took too long.
 */
export type ConnectionStatus = 'PENDING' | 'RETURNED' | 'FINISHED' | 'DENIED' | 'FAILED' | 'EXPIRED'

export interface ConnectionRequest {
  readonly id: string
  readonly userId: string
  /** The bare name. */
  readonly provider: string
  readonly status: ConnectionStatus
  /** Why it failed, as a short code; null: it did not. */
  readonly code: string | null
  /** Whole Unix seconds. */
  readonly expiresAt: number
}

export interface ConnectionFinish {
  readonly id: string
  /** What the browser brought back to `returnTo`. */
  readonly completionCode: string
  readonly codeVerifier: string
  /** Whether a reconnection may bring another account of the provider. */
  readonly allowsDifferentAccount: boolean
}

export type ConnectionWarning = 'NO_REFRESH_TOKEN' | 'IDENTITY_UNKNOWN'

export interface FinishedConnection {
  readonly status:
    | 'CONNECTED'
    | 'PENDING'
    | 'DENIED'
    | 'EXPIRED'
    | 'REFUSED'
    | 'DIFFERENT_ACCOUNT'
    | 'OWNED_BY_ANOTHER_USER'
  /** The id of the account that is kept; null: none is. */
  readonly externalAccountId: string | null
  /** Those that were asked for and not granted. */
  readonly missingScopes: readonly string[]
  readonly warnings: readonly ConnectionWarning[]
  /** Why it was refused, as a short code; null: it was not. */
  readonly code: string | null
}

/** Where the browser goes next, or why it stays. */
export type BrowserStep =
  | {
      readonly kind: 'redirect'
      readonly url: string
      /** Null: the cookie that the browser has stays. An empty value removes it. */
      readonly cookie: { readonly name: string; readonly value: string; readonly maxAgeSeconds: number } | null
    }
  | { readonly kind: 'page'; readonly problem: 'unknown' | 'over' | 'other_browser' | 'unavailable' }

/** Connects accounts by OAuth. Rejects with `CodedError`. */
export interface Connector {
  /** The origin that browsers reach this server by; https, or plain http on loopback. */
  readonly publicUrl: string
  canConnect(provider: string): boolean
  start(start: ConnectionStart): Promise<StartedConnection>
  /** Null: there is none of that id. */
  find(id: string): Promise<ConnectionRequest | null>
  /** Call it for the user of the request only. */
  finish(finish: ConnectionFinish): Promise<FinishedConnection>
  /** The browser opens the request. `cookieOf` reads a cookie by its name. */
  open(id: string, cookieOf: (name: string) => string | null): Promise<BrowserStep>
  /** The browser comes back from the provider of the client. Null: the state is not of this connector. */
  callback(
    client: string,
    query: URLSearchParams,
    cookieOf: (name: string) => string | null,
  ): Promise<BrowserStep | null>
}

/** What a platform does that keeps the accounts itself. Rejects with `CodedError`. */
export interface AccountKeeper {
  /** Null: this upstream is not configured to connect accounts. */
  readonly connector: Connector | null
  /** Forgets the account and revokes its grant. `everywhere`: also one that other accounts share. null: there is none. */
  disconnect(account: AccountKey, everywhere: boolean): Promise<Disconnected | null>
  /** Oldest first, after a cursor; `userId` null: of every user. */
  events(after: string | null, first: number, userId: string | null): Promise<EventPage>
}
