/** The endpoints that an issuer names (RFC 8414, OpenID Connect Discovery), for providers that are described by it alone. */
import * as oauth from 'oauth4webapi'
import { monotonicMs } from '../../kit.ts'
import type { OAuthClient } from './clients.ts'
import { fillUrl } from './requests.ts'

/** Of one exchange. */
export type Limits = readonly [signal: AbortSignal, timeoutMs: number]

export interface Resolved {
  readonly client: OAuthClient
  /** Of an issuer that was asked; null: the record has everything. */
  readonly metadata: oauth.AuthorizationServer | null
}

/** Who the ID tokens and callbacks of the provider are from; null: its record does not say, or a value is missing. */
export function issuerOf({ client, metadata }: Resolved): string | null {
  const { issuer } = client.provider
  if (metadata !== null || issuer === null) return metadata?.issuer ?? null
  try {
    const { href } = fillUrl(issuer, client, { kept: {} })
    return issuer.endsWith('/') ? href : href.replace(/\/$/, '')
  } catch {
    return null
  }
}

/** Milliseconds for which the endpoints that an issuer named are used. */
const DISCOVERY_MS = 3_600_000

type AskIssuer = (url: URL, headers: Readonly<Record<string, string>>, ...limits: Limits) => Promise<Response>

/** Returns the client with the endpoints that its issuer names. Rejects where it does not answer as it should. */
export function createDiscovery(client: OAuthClient, ask: AskIssuer): (...limits: Limits) => Promise<Resolved> {
  let discovered: (Resolved & { readonly until: number }) | null = null

  return async (signal, timeoutMs) => {
    const { provider, isDiscovered } = client
    if (!isDiscovered || provider.issuer === null) return { client, metadata: null }
    if (discovered !== null && monotonicMs() < discovered.until) return discovered
    const issuer = new URL(provider.issuer)
    const fetching: oauth.DiscoveryRequestOptions = {
      // oxlint-disable-next-line typescript/no-deprecated -- only for loopback addresses: the options see to that
      [oauth.allowInsecureRequests]: issuer.protocol === 'http:',
      [oauth.customFetch]: (address, { headers }) => ask(new URL(address), headers, signal, timeoutMs),
    }
    const metadata = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, fetching))
    const { token_endpoint: token, revocation_endpoint: revocation } = metadata
    if (token === undefined || (issuer.protocol === 'https:' && !token.startsWith('https://')))
      throw new Error('the issuer names no token endpoint')
    const isUsable = revocation !== undefined && (issuer.protocol === 'http:' || revocation.startsWith('https://'))
    const revoke = provider.revoke ?? (isUsable ? plainRevocation(revocation) : null)
    const isNamed = provider.authorize_url !== provider.issuer
    const authorize = isNamed ? provider.authorize_url : (metadata.authorization_endpoint ?? '')
    const named = { authorize_url: authorize, token_url: token, revoke }
    discovered = {
      client: { ...client, provider: { ...provider, ...named } },
      metadata,
      until: monotonicMs() + DISCOVERY_MS,
    }
    return discovered
  }
}

/** What RFC 8414 says of an endpoint: its URL. */
function plainRevocation(url: string): NonNullable<OAuthClient['provider']['revoke']> {
  return {
    ...{ url, method: 'POST', style: 'rfc7009', effect: 'grant', token: 'refresh_token', token_param: 'token' },
    ...{ identifies_client: false, headers: {}, host_from: null },
  }
}
