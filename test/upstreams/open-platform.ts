/** Any platform over its local server, opened through the options that an operator writes, and asked key by key. */
import { shareCalls } from '../../src/tokens/flights.ts'
import type { ExternalAccount, OAuthAccessToken, TokenKey } from '../../src/tokens/token.ts'
import type { Platform, Upstream, UpstreamEvent } from '../../src/upstreams/platform.ts'

export interface OpenedPlatform extends AsyncDisposable {
  readonly upstream: Upstream
  readonly events: UpstreamEvent[]
  /** One key; the platform's own fetcher decides how it is asked for. */
  tokens(user_id: string, provider: string): Promise<readonly OAuthAccessToken[] | null>
  /** Keys that are asked for together; one outcome for each. */
  batch(
    keys: readonly TokenKey[],
    signal?: AbortSignal,
  ): Promise<PromiseSettledResult<readonly OAuthAccessToken[] | null>[]>
  accounts(user_id: string): Promise<readonly ExternalAccount[] | null>
}

/** `given` is what stands below `upstreams.<name>` in the configuration. */
export function openPlatform<Options>(platform: Platform<Options>, given: object): OpenedPlatform {
  const events: UpstreamEvent[] = []
  const upstream = platform.open(platform.options.parse(given), {
    name: 'upstream-test',
    observe: (event) => events.push(event),
  })
  const ask = shareCalls(upstream.tokens, ({ user_id, provider }) => `${user_id} ${provider}`)
  const askAccounts = shareCalls(upstream.accounts!, (user_id) => user_id)
  const { signal: nobodyLeaves } = new AbortController()
  return {
    upstream,
    events,
    tokens: (user_id, provider) => ask([{ user_id, provider }], { signal: nobodyLeaves })[0]!,
    batch: (keys, signal = nobodyLeaves) => Promise.allSettled(ask(keys, { signal })),
    accounts: (user_id) => askAccounts([user_id], { signal: nobodyLeaves })[0]!,
    [Symbol.asyncDispose]: () => upstream.close(),
  }
}
