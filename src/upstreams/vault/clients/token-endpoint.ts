/**
 * The token endpoint of a client's provider: sends one refresh, once, and says what came of it. A refresh that fails must
 * say whether the provider may have spent the refresh token, so nothing here is repeated and no error is thrown.
 */
import * as oauth from 'oauth4webapi'
import { monotonicMs, openPool } from '../../kit.ts'
import type { HttpPool, RawAnswer, UpstreamDeps } from '../../kit.ts'
import { firstKind, judgeRevocation, revocationRequest } from '../disconnect/request.ts'
import type { Revoked } from '../disconnect/request.ts'
import { readAnswer } from '../read-answer.ts'
import type { AnswerOutcome } from '../read-answer.ts'
import type { Grant, OAuthClient } from './clients.ts'
import { MissingValue, refreshRequest } from './requests.ts'
import type { TokenRequest } from './requests.ts'

/** `not_sent`: nothing that the provider could have acted on has left this machine. */
export type Exchanged = AnswerOutcome | { readonly kind: 'not_sent'; readonly reason: string }

export interface TokenEndpoint {
  /** Never rejects. `timeoutMs` bounds the whole exchange. */
  refresh(grant: Grant, timeoutMs: number): Promise<Exchanged>
  /** Gives up what the grant holds, at the endpoint for that. Never rejects; may be repeated. */
  revoke(grant: Grant, timeoutMs: number): Promise<Revoked>
  close(): Promise<void>
}

/** Hosts of one client: a provider whose accounts each have their own has as many. */
const MAX_POOLS = 64
/** Bytes of an answer; the longest real one is a few kilobytes. */
const MAX_ANSWER_BYTES = 262_144
/** Milliseconds for which the endpoints that an issuer named are used. */
const DISCOVERY_MS = 3_600_000

export function openTokenEndpoint(client: OAuthClient, { plainHttp = false, observe }: UpstreamDeps): TokenEndpoint {
  const pools = new Map<string, HttpPool>()
  let discovered: { readonly client: OAuthClient; readonly until: number } | null = null

  function poolFor(url: URL, timeoutMs: number): HttpPool {
    const known = pools.get(url.origin)
    const pool =
      known ?? openPool({ baseUrl: url.origin, plainHttp, connections: 32, connectTimeoutMs: timeoutMs, headers: {} })
    // The last used is the last in the map.
    pools.delete(url.origin)
    pools.set(url.origin, pool)
    for (const [origin, old] of [...pools].slice(0, -MAX_POOLS)) {
      pools.delete(origin)
      void old.close()
    }
    return pool
  }

  /** The client with the endpoints that the issuer names. Rejects where it does not answer as it should. */
  async function resolve(signal: AbortSignal, timeoutMs: number): Promise<OAuthClient> {
    const { provider, isDiscovered } = client
    if (!isDiscovered || provider.issuer === null) return client
    if (discovered !== null && monotonicMs() < discovered.until) return discovered.client
    const issuer = new URL(provider.issuer)
    const fetching: oauth.DiscoveryRequestOptions = {
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- only for loopback addresses: the options see to that
      [oauth.allowInsecureRequests]: issuer.protocol === 'http:',
      [oauth.customFetch]: async (address, { headers }) => {
        const url = new URL(address)
        const request = { method: 'GET' as const, path: url.pathname + url.search, headers, body: null }
        const { status, body } = await poolFor(url, timeoutMs).exchange(request, signal)
        return new Response(new Uint8Array(body), { status, headers: { 'content-type': 'application/json' } })
      },
    }
    const metadata = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, fetching))
    const { token_endpoint: token, revocation_endpoint: revocation } = metadata
    if (token === undefined || (issuer.protocol === 'https:' && !token.startsWith('https://')))
      throw new Error('the issuer names no token endpoint')
    const isUsable = revocation !== undefined && (issuer.protocol === 'http:' || revocation.startsWith('https://'))
    const revoke = provider.revoke ?? (isUsable ? plainRevocation(revocation) : null)
    const found = { ...client, provider: { ...provider, token_url: token, revoke } }
    discovered = { client: found, until: monotonicMs() + DISCOVERY_MS }
    return found
  }

  async function send(request: TokenRequest, signal: AbortSignal, timeoutMs: number, onSent: () => void) {
    const { method, url, headers, body } = request
    const path = url.pathname + url.search
    return poolFor(url, timeoutMs).exchange({ method, path, headers, body }, signal, onSent)
  }

  return {
    async refresh(grant, timeoutMs) {
      const started = monotonicMs()
      const signal = AbortSignal.timeout(timeoutMs)
      const sent = { started: false }
      const done = (outcome: Exchanged, status?: number): Exchanged => {
        const isTokens = outcome.kind === 'tokens'
        const reason =
          outcome.kind === 'not_sent' ? outcome.reason : outcome.kind === 'error' ? outcome.class : outcome.kind
        observe({
          ...{ operation: 'refresh', keys: 1, durationMs: monotonicMs() - started },
          outcome: isTokens ? 'ok' : 'error',
          ...(status !== undefined && { status }),
          ...(!isTokens && { reason }),
        })
        return outcome
      }
      try {
        const resolved = await resolve(signal, timeoutMs)
        const request = await refreshRequest(resolved, grant)
        const answer = await send(request, signal, timeoutMs, () => {
          sent.started = true
        })
        return done(judge(resolved, answer, grant), answer.status)
      } catch (error) {
        if (sent.started)
          return done({ kind: 'ambiguous', code: codeOf(error), retryAfterMs: null, refreshToken: null })
        return done({ kind: 'not_sent', reason: codeOf(error) })
      }
    },
    async revoke(grant, timeoutMs) {
      const started = monotonicMs()
      const signal = AbortSignal.timeout(timeoutMs)
      const done = (outcome: Revoked, status?: number): Revoked => {
        observe({
          ...{ operation: 'revoke', keys: 1, durationMs: monotonicMs() - started },
          outcome: outcome.kind === 'revoked' ? 'ok' : 'error',
          ...(status !== undefined && { status }),
          ...(outcome.kind !== 'revoked' && { reason: outcome.code }),
        })
        return outcome
      }
      try {
        const resolved = await resolve(signal, timeoutMs)
        const { revoke } = resolved.provider
        if (revoke === null) return done({ kind: 'unsupported', code: 'no_endpoint' })
        const first = firstKind(revoke, grant)
        if (first === null) return done({ kind: 'unsupported', code: 'no_token' })
        const present = async (kind: typeof first) => {
          const request = await revocationRequest(resolved, grant, revoke, kind)
          const answer = await send(request, signal, timeoutMs, () => undefined)
          const isWhole = kind === 'refresh_token' || grant.refreshToken === null
          return { status: answer.status, outcome: judgeRevocation(answer, revoke, isWhole) }
        }
        let { status, outcome } = await present(first)
        // RFC 7009 section 2.2.1: a server may take access tokens alone.
        if (outcome.kind === 'unsupported' && first === 'refresh_token')
          ({ status, outcome } = await present('access_token'))
        return done(outcome, status)
      } catch (error) {
        const code = codeOf(error)
        return done(
          error instanceof MissingValue ? { kind: 'unsupported', code } : { kind: 'retry', code, retryAfterMs: null },
        )
      }
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.close()))
    },
  }
}

/** What RFC 8414 says of an endpoint: its URL. */
function plainRevocation(url: string): NonNullable<OAuthClient['provider']['revoke']> {
  return {
    ...{ url, method: 'POST', style: 'rfc7009', effect: 'grant', token: 'refresh_token', token_param: 'token' },
    ...{ identifies_client: false, host_from: null },
  }
}

function judge({ provider }: OAuthClient, answer: RawAnswer, grant: Grant): Exchanged {
  const { status, body, header } = answer
  // A redirect is not followed: the refresh token would go where nobody said.
  const isUsable = body.byteLength <= MAX_ANSWER_BYTES && (status < 300 || status >= 400)
  if (!isUsable) return { kind: 'ambiguous', code: `http_${String(status)}`, retryAfterMs: null, refreshToken: null }
  const { nowSeconds: now, earlierLifetimeSeconds } = grant
  return readAnswer({ status, body, header }, { provider, now, earlierLifetimeSeconds })
}

/** A short code of ours or of the socket: a message may hold what was sent. */
function codeOf(error: unknown): string {
  if (error instanceof MissingValue) return `no value for ${error.message}`
  if (!(error instanceof Error)) return 'unknown'
  const { cause, name } = error
  const code = 'code' in error ? error.code : cause instanceof Error && 'code' in cause ? cause.code : null
  return typeof code === 'string' && /^[A-Z0-9_]{1,48}$/.test(code)
    ? code
    : name === 'TimeoutError'
      ? 'timeout'
      : 'failed'
}
