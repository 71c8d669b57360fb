/** Which upstream answers for which provider (DESIGN 5); types only. */

/** Where a provider's tokens are; `as` is the platform's own name for the provider, where it differs. */
export interface Route {
  readonly upstream: string
  readonly as: string | null
}

/** `routes` by canonical provider name; `default` answers for every other provider, if there is one. */
export interface Routing {
  readonly routes: Readonly<Record<string, Route>>
  readonly default: string | null
}
