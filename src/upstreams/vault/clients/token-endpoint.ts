/**
 * The endpoints of a client's provider that this server asks itself: sends one request, once, and says what came of it. A
 * refresh or an exchange that fails must say whether the provider may have acted on it, so nothing here is repeated and no
 * error is thrown.
 */
import { monotonicMs, openPool, parseJson, reveal } from '../../kit.ts'
import type { HttpPool, RawAnswer, Secret, UpstreamDeps } from '../../kit.ts'
import { firstKind, isDead, judgeRevocation, revocationRequest } from '../disconnect/request.ts'
import type { Revoked } from '../disconnect/request.ts'
import { readAnswer } from '../read-answer.ts'
import type { AnswerOutcome } from '../read-answer.ts'
import type { Grant, OAuthClient, TokenPair } from './clients.ts'
import { createDiscovery, issuerOf } from './discovery.ts'
import type { Limits, Resolved } from './discovery.ts'
import { readAccountToken, readTemporary, temporaryRequest, tokenRequest, verifierRequest } from './oauth1.ts'
import { asMembers, parseMembers } from '../answer-members.ts'
import type { Members } from '../answer-members.ts'
import { authenticationOf, codeRequest, fillUrl, MissingValue, refreshRequest } from './requests.ts'
import type { CodeGrant, TokenRequest } from './requests.ts'

/** `not_sent`: nothing that the provider could have acted on has left this machine. */
export type Exchanged = AnswerOutcome | { readonly kind: 'not_sent'; readonly reason: string }

export interface AccountToken {
  readonly accessToken: Secret
  /** Of OAuth 1.0a; null: of OAuth 2.0. */
  readonly tokenSecret: Secret | null
}

export interface ExchangedCode {
  readonly outcome: Exchanged
  /** Of an answer with tokens; null: there is none. They hold secrets. */
  readonly members: Members | null
  /** Of OAuth 1.0a; null: of OAuth 2.0. */
  readonly tokenSecret: Secret | null
}

export interface Issuer {
  /** What `iss` of the callback has to be (RFC 9207); null: it is not known. */
  readonly issuer: string | null
  /** Whether the provider announces that it sends it. */
  readonly sendsIssuer: boolean
}

export interface TokenEndpoint {
  /** Never rejects. `timeoutMs` bounds the whole exchange. */
  refresh(grant: Grant, timeoutMs: number): Promise<Exchanged>
  /** Exchanges a code, once; with the members of the answer, which may say who the user is. Never rejects. */
  exchange(grant: CodeGrant, nowSeconds: number, timeoutMs: number): Promise<ExchangedCode>
  /** Where the user's browser asks for consent. Rejects with `MissingValue`, or where the issuer does not answer. */
  authorize(parameters: URLSearchParams, timeoutMs: number): Promise<URL>
  /** The same by OAuth 1.0a, with the token of the request that it begins. Rejects where the provider does not answer. */
  begin(callback: string, timeoutMs: number): Promise<{ readonly url: URL; readonly requestToken: TokenPair }>
  /** Who callbacks and ID tokens are from. Rejects where the issuer does not answer. */
  issuer(timeoutMs: number): Promise<Issuer>
  /** What the provider says of the user whose token it is; null: nothing, or the record does not say how to ask. */
  identify(token: AccountToken, kept: Grant['kept'], timeoutMs: number): Promise<Members | null>
  /** Gives up what the grant holds, at the endpoint for that. Never rejects; may be repeated. */
  revoke(grant: Grant, timeoutMs: number): Promise<Revoked>
  close(): Promise<void>
}

/** Hosts of one client: a provider whose accounts each have their own has as many. */
const MAX_POOLS = 64
/** Bytes of an answer; the longest real one is a few kilobytes. */
const MAX_ANSWER_BYTES = 262_144

export function openTokenEndpoint(client: OAuthClient, { plainHttp = false, observe }: UpstreamDeps): TokenEndpoint {
  const pools = new Map<string, HttpPool>()

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

  const discover = createDiscovery(client, async (url, headers, signal, timeoutMs) => {
    const request = { method: 'GET' as const, path: url.pathname + url.search, headers, body: null }
    const { status, body } = await poolFor(url, timeoutMs).exchange(request, signal)
    return new Response(new Uint8Array(body), { status, headers: { 'content-type': 'application/json' } })
  })
  const resolve = async (...limits: Limits): Promise<OAuthClient> => (await discover(...limits)).client

  /** Sends the parameters ahead (RFC 9126), so that the browser carries none of them. */
  async function push(
    found: Resolved,
    endpoint: string,
    parameters: URLSearchParams,
    ...limits: Limits
  ): Promise<URLSearchParams> {
    const url = new URL(endpoint)
    const headers = new Headers({ accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' })
    const authenticate = await authenticationOf(found.client, url, { kept: {} })
    const form = new URLSearchParams(parameters)
    const { clientId } = found.client
    await authenticate({ issuer: found.metadata?.issuer ?? url.origin }, { client_id: clientId }, form, headers)
    const request = { method: 'POST' as const, url, headers: Object.fromEntries(headers), body: form.toString() }
    const { status, body } = await send(request, ...limits, () => undefined)
    const uri = asMembers(parseJson(body))?.request_uri
    if (status !== 201 || typeof uri !== 'string') throw new Error('the provider refused the pushed request')
    return new URLSearchParams({ client_id: clientId, request_uri: uri })
  }

  async function send(request: TokenRequest, signal: AbortSignal, timeoutMs: number, onSent: () => void) {
    const { method, url, headers, body } = request
    const path = url.pathname + url.search
    return poolFor(url, timeoutMs).exchange({ method, path, headers, body }, signal, onSent)
  }

  interface TokenExchange {
    readonly operation: 'refresh' | 'exchange'
    readonly timeoutMs: number
    request(resolved: OAuthClient): Promise<TokenRequest>
    read(resolved: OAuthClient, answer: RawAnswer): Omit<ExchangedCode, 'members'>
  }

  async function exchange({ operation, timeoutMs, request: make, read }: TokenExchange): Promise<ExchangedCode> {
    const started = monotonicMs()
    const signal = AbortSignal.timeout(timeoutMs)
    const sent = { started: false }
    const done = (outcome: Exchanged, answer?: RawAnswer, tokenSecret: Secret | null = null): ExchangedCode => {
      const isTokens = outcome.kind === 'tokens'
      const reason =
        outcome.kind === 'not_sent' ? outcome.reason : outcome.kind === 'error' ? outcome.class : outcome.kind
      observe({
        ...{ operation, keys: 1, durationMs: monotonicMs() - started },
        outcome: isTokens ? 'ok' : 'error',
        ...(answer !== undefined && { status: answer.status }),
        ...(!isTokens && { reason }),
      })
      const members = isTokens && answer !== undefined ? parseMembers(answer.body) : null
      return { outcome, members, tokenSecret }
    }
    try {
      const resolved = await resolve(signal, timeoutMs)
      const request = await make(resolved)
      const answer = await send(request, signal, timeoutMs, () => {
        sent.started = true
      })
      const { outcome, tokenSecret } = read(resolved, answer)
      return done(outcome, answer, tokenSecret)
    } catch (error) {
      if (sent.started) return done({ kind: 'ambiguous', code: codeOf(error), retryAfterMs: null, refreshToken: null })
      return done({ kind: 'not_sent', reason: codeOf(error) })
    }
  }

  return {
    async refresh(grant, timeoutMs) {
      const request = (resolved: OAuthClient) => refreshRequest(resolved, grant)
      return (await exchange({ operation: 'refresh', timeoutMs, request, read: readBy(grant) })).outcome
    },
    exchange(grant, nowSeconds, timeoutMs) {
      const { requestToken, code } = grant
      if (requestToken === null) {
        const request = (resolved: OAuthClient) => codeRequest(resolved, grant)
        return exchange({
          operation: 'exchange',
          timeoutMs,
          request,
          read: readBy({ nowSeconds, earlierLifetimeSeconds: null }),
        })
      }
      const request = (resolved: OAuthClient) => Promise.resolve(verifierRequest(resolved, requestToken, reveal(code)))
      return exchange({ operation: 'exchange', timeoutMs, request, read: (_, answer) => readAccountToken(answer) })
    },
    async authorize(parameters, timeoutMs) {
      const limits: Limits = [AbortSignal.timeout(timeoutMs), timeoutMs]
      const found = await discover(...limits)
      const { provider } = found.client
      const url = fillUrl(provider.authorize_url, found.client, { kept: {} })
      const endpoint = found.metadata?.pushed_authorization_request_endpoint
      const sent = endpoint === undefined ? parameters : await push(found, endpoint, parameters, ...limits)
      for (const [name, value] of sent) url.searchParams.set(name, value)
      return url
    },
    async begin(callback, timeoutMs) {
      const answer = await send(
        temporaryRequest(client, callback),
        AbortSignal.timeout(timeoutMs),
        timeoutMs,
        () => undefined,
      )
      const requestToken = readTemporary(answer)
      if (requestToken === null) throw new Error('the provider gave no token for the request')
      const url = fillUrl(client.provider.authorize_url, client, { kept: {} })
      url.searchParams.set('oauth_token', requestToken.token)
      return { url, requestToken }
    },
    async issuer(timeoutMs) {
      const found = await discover(AbortSignal.timeout(timeoutMs), timeoutMs)
      return {
        issuer: found.client.provider.id_token_issuer === 'exact' ? issuerOf(found) : null,
        sendsIssuer: found.metadata?.authorization_response_iss_parameter_supported === true,
      }
    },
    async identify({ accessToken, tokenSecret }, kept, timeoutMs) {
      const signal = AbortSignal.timeout(timeoutMs)
      const started = monotonicMs()
      let status: number | undefined
      try {
        const resolved = await resolve(signal, timeoutMs)
        const { identity } = resolved.provider
        if (identity?.from !== 'request' || identity.url === null) return null
        const headers = {
          accept: 'application/json',
          authorization: `Bearer ${reveal(accessToken)}`,
          'user-agent': 'tokengraph',
        }
        const url = fillUrl(identity.url, resolved, { kept })
        const plain = { method: identity.method, url, headers, body: null }
        const request =
          tokenSecret === null
            ? plain
            : tokenRequest(resolved, url, identity.method, { token: reveal(accessToken), secret: tokenSecret })
        const answer = await send(request, signal, timeoutMs, () => undefined)
        status = answer.status
        return status === 200 ? parseMembers(answer.body) : null
      } catch {
        return null
      } finally {
        const outcome = status === 200 ? 'ok' : 'error'
        observe({
          ...{ operation: 'identify', keys: 1, durationMs: monotonicMs() - started, outcome },
          ...(status !== undefined && { status }),
        })
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
        const present = async (kind: typeof first, held = grant) => {
          const request = await revocationRequest(resolved, held, revoke, kind)
          const answer = await send(request, signal, timeoutMs, () => undefined)
          const isWhole = kind === 'refresh_token' || grant.refreshToken === null
          return { status: answer.status, outcome: judgeRevocation(answer, revoke, isWhole) }
        }
        let { status, outcome } = await present(first)
        // RFC 7009 section 2.2.1: a server may take access tokens alone.
        if (outcome.kind === 'unsupported' && first === 'refresh_token')
          ({ status, outcome } = await present('access_token'))
        // What takes access tokens alone takes live ones.
        if (
          outcome.kind === 'retry' &&
          isDead(outcome.code) &&
          first === 'access_token' &&
          grant.refreshToken !== null
        ) {
          const renewed = await this.refresh(grant, timeoutMs)
          if (renewed.kind === 'error' && renewed.class === 'grant_dead') return done({ kind: 'revoked' })
          if (renewed.kind === 'tokens') {
            const held = {
              ...grant,
              accessToken: renewed.tokens.accessToken,
              refreshToken: renewed.tokens.refreshToken,
            }
            ;({ status, outcome } = await present('access_token', held))
          }
        }
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

/** Reads an answer of OAuth 2.0. */
function readBy(when: AnswerTime) {
  return (resolved: OAuthClient, answer: RawAnswer) => ({ outcome: judge(resolved, answer, when), tokenSecret: null })
}

type AnswerTime = Pick<Grant, 'nowSeconds' | 'earlierLifetimeSeconds'>

function judge({ provider }: OAuthClient, answer: RawAnswer, grant: AnswerTime): Exchanged {
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
