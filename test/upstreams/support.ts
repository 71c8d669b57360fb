/** What the tests of this folder share: opening what they test, and calling it. */
import { CodedError, withDetails } from '../../src/errors.ts'
import { reveal } from '../../src/lib/secret.ts'
import { clerk } from '../../src/upstreams/clerk/index.ts'
import { openHttp } from '../../src/upstreams/http/client.ts'
import type { Http, HttpOptions, RequestSpec } from '../../src/upstreams/http/types.ts'
import type { Call, Many, One, Upstream, UpstreamEvent } from '../../src/upstreams/platform.ts'
import type { ExternalAccount, OAuthAccessToken, TokenKey } from '../../src/tokens/types.ts'
import { bareProvider } from '../../src/tokens/ids.ts'
import { call } from '../kit/call.ts'
import type { ClerkServer } from '../servers/clerk.ts'

export interface OpenedHttp extends Http, AsyncDisposable {
  readonly events: UpstreamEvent[]
}

/** The HTTP core over a local server, with what it observed. */
export function openTestHttp(baseUrl: string, given: Partial<HttpOptions> = {}): OpenedHttp {
  const events: UpstreamEvent[] = []
  const http = openHttp({
    baseUrl,
    concurrency: 5,
    timeoutMs: 5000,
    // The tests of retries ask for them.
    retries: 0,
    headers: () => ({ authorization: 'Bearer invented-key' }),
    observe: (event) => events.push({ ...event, upstream: 'local' }),
    ...given,
  })
  return { ...http, events, [Symbol.asyncDispose]: () => http.close() }
}

export const spec: RequestSpec = { operation: 'test.thing', keys: 1, template: '/thing' }

export interface OpenedClerk extends AsyncDisposable {
  readonly upstream: Upstream
  readonly events: UpstreamEvent[]
  tokens(user_id: string, provider: string, given?: Call): Promise<readonly OAuthAccessToken[] | null>
  /** What the Map says of one user, thrown if it is an error. */
  account(id: string): Promise<readonly ExternalAccount[] | null>
  accounts(ids: readonly string[], given?: Call): Promise<ReadonlyMap<string, readonly ExternalAccount[] | Error>>
}

/** Our client of a local Clerk, opened through the options that an operator writes. */
export function openClerk(server: Pick<ClerkServer, 'url' | 'secret_key'>, given: object = {}): OpenedClerk {
  const events: UpstreamEvent[] = []
  const options = clerk.options.parse({ secret_key: server.secret_key, base_url: server.url, retries: 0, ...given })
  const opened = clerk.open(options, {
    observe: (event) => events.push({ ...event, upstream: 'clerk-test' }),
  })
  const upstream = { ...opened, name: 'clerk-test', platform: 'clerk' }
  const one = upstream.tokens as One<TokenKey, readonly OAuthAccessToken[]>
  const many = upstream.accounts as Many<string, readonly ExternalAccount[]>
  return {
    upstream,
    events,
    tokens: (user_id, provider, with_call = call()) =>
      named('clerk-test', () =>
        one.one(
          { userId: user_id, provider: bareProvider(provider), credential: null, minValiditySeconds: 0 },
          with_call,
        ),
      ),
    account: (id) =>
      named('clerk-test', async () => {
        const found = (await many.many([id], call())).get(id) ?? null
        if (found instanceof Error) throw found
        return found
      }),
    accounts: (ids, with_call = call()) => many.many(ids, with_call),
    [Symbol.asyncDispose]: () => upstream.close(),
  }
}

/** Puts the name of the upstream on the error that `ask` fails with, as the source does. */
export async function named<T>(upstream: string, ask: () => T | Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw error instanceof CodedError ? withDetails(error, { upstream }) : error
  }
}

/** A token record with its secrets shown, for comparison. */
export function shown(token: OAuthAccessToken): Record<string, unknown> {
  const { token_secret, id_token, problem, health, ...rest } = token
  if (problem !== null || health !== null) throw new Error('only the vault says how an account is doing')
  return {
    ...rest,
    token: reveal(token.token),
    token_secret: token_secret && reveal(token_secret),
    id_token: id_token && reveal(id_token),
  }
}
