/** Any platform over its local server, opened through the options that an operator writes, and asked key by key. */
import { secret } from '../../src/lib/secret.ts'
import { openCachedUpstream } from '../../src/tokens/cached-upstream.ts'
import type { Caller } from '../../src/tokens/cached-upstream.ts'
import { bareProvider } from '../../src/tokens/ids.ts'
import type { ExternalAccount, OAuthAccessToken } from '../../src/tokens/types.ts'
import type { Platform, Upstream, UpstreamEvent } from '../../src/upstreams/platform.ts'
import { named } from './support.ts'

/** A user at a provider, by the name that callers or the platform use. */
export interface Asked {
  readonly user_id: string
  readonly provider: string
}

export interface OpenedPlatform extends AsyncDisposable {
  readonly upstream: Upstream
  readonly events: UpstreamEvent[]
  /** One key; the platform's own fetcher decides how it is asked for. `bearer` is the user's own token. */
  tokens(user_id: string, provider: string, bearer?: string): Promise<readonly OAuthAccessToken[] | null>
  /** Keys that are asked for together; one outcome for each. */
  batch(
    keys: readonly Asked[],
    signal?: AbortSignal,
  ): Promise<PromiseSettledResult<readonly OAuthAccessToken[] | null>[]>
  accounts(user_id: string): Promise<readonly ExternalAccount[] | null>
}

const NAME = 'upstream-test'

/** `given` is what stands below `upstreams.<name>` in the configuration. Errors carry the name as the source puts it. */
export function openPlatform<Options>(platform: Platform<Options>, given: object): OpenedPlatform {
  const events: UpstreamEvent[] = []
  const observe = (event: Omit<UpstreamEvent, 'upstream'>): void => void events.push({ ...event, upstream: NAME })
  const upstream = { ...platform.open(platform.options.parse(given), { observe }), name: NAME, platform: NAME }
  const { tokens, accounts } = openCachedUpstream(upstream, {
    cache: { seconds: 0, entries: 0 },
    now: () => Math.floor(Date.now() / 1000),
    nowMs: () => performance.now(),
    // What is shared is not a call of the platform.
    observe: () => undefined,
  })
  const callerOf = (signal: AbortSignal): Caller => ({ signal, deadline: () => Infinity, viewer: null, subject: null })
  const patient = callerOf(new AbortController().signal)
  const ask = async ({ user_id, provider }: Asked, caller: Caller) => {
    const filter = { credential: null, externalAccountId: null, minValiditySeconds: 0 }
    return named(NAME, () => tokens({ userId: user_id, provider: bareProvider(provider), ...filter }, caller))
  }
  return {
    upstream,
    events,
    tokens(user_id, provider, bearer) {
      const subject = bearer === undefined ? null : subjectOf(user_id, bearer)
      return ask({ user_id, provider }, { ...patient, subject })
    },
    batch: (keys, signal) =>
      Promise.allSettled(keys.map((key) => ask(key, signal === undefined ? patient : callerOf(signal)))),
    accounts: (user_id) => named(NAME, () => accounts!(user_id, patient)),
    [Symbol.asyncDispose]: () => upstream.close(),
  }
}

function subjectOf(userId: string, bearer: string): Caller['subject'] {
  return { userId, credential: { secret: secret(bearer), id: bearer } }
}
