/**
 * What HTTP requests are answered at all: pure functions that any HTTP adapter can call. One door, POST with JSON,
 * so that no browser form and no link can reach a token (TRUST S5).
 */
import type { ErrorCode } from '../errors.ts'
import { isLoopback } from '../lib/url.ts'
import type { Mode } from '../mode.ts'

export const GRAPHQL_PATH = '/graphql'

/** `GET /health` and `GET /ready`: answered whatever else happens. */
export function isProbe(method: string | undefined, pathname: string): boolean {
  return method === 'GET' && (pathname === '/health' || pathname === '/ready')
}

export interface HttpFacts {
  readonly method: string
  readonly pathname: string
  /** The Host header. */
  readonly host: string
  /** Its name part, without the port. */
  readonly hostname: string
  readonly contentType: string | null
  readonly accept: string | null
  /** Of the page that asks, when a browser sends it. */
  readonly origin: string | null
  /** As the headers say them. */
  readonly contentLength: string | null
  readonly contentEncoding: string | null
  readonly mode: Mode
}

export interface Refusal {
  readonly status: number
  readonly code: ErrorCode
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpLimits {
  /** Origins whose pages may call the graph, compared exactly. */
  readonly origins: readonly string[]
  readonly body_bytes: number
}

/** null: let it through. */
export function refuseRequest(facts: HttpFacts, { origins, body_bytes }: HttpLimits): Refusal | null {
  if (facts.mode === 'development' && !isLoopback(facts.hostname))
    // A page on another name that resolves to this machine must not reach the development key (DNS rebinding).
    return { status: 403, code: 'FORBIDDEN', message: 'Development mode answers to localhost alone.' }
  if (facts.pathname !== GRAPHQL_PATH)
    return { status: 404, code: 'BAD_USER_INPUT', message: `There is nothing here; the graph is at ${GRAPHQL_PATH}.` }
  if (facts.mode === 'development' && asksForPage(facts.method, facts.accept)) return null
  if (facts.origin !== null && !isOwnOrigin(facts.origin, facts.host) && !origins.includes(facts.origin))
    return { status: 403, code: 'FORBIDDEN', message: 'Pages of this origin may not call the graph.' }
  if (isPreflight(facts, origins)) return null
  if (facts.method !== 'POST')
    return {
      status: 405,
      code: 'BAD_USER_INPUT',
      message: 'Send the operation with POST and a JSON body.',
      headers: { allow: 'POST' },
    }
  if (!isJson(facts.contentType))
    return {
      status: 415,
      code: 'BAD_USER_INPUT',
      message: 'The Content-Type must be application/json, in UTF-8.',
    }
  if (facts.contentEncoding !== null && facts.contentEncoding.toLowerCase() !== 'identity')
    return { status: 415, code: 'BAD_USER_INPUT', message: 'Send the body without a Content-Encoding.' }
  if (Number(facts.contentLength ?? 0) > body_bytes) return tooLarge(body_bytes)
  return null
}

/** Also for bodies without a Content-Length, found too large while they are read. */
export function tooLarge(body_bytes: number): Refusal {
  return {
    status: 413,
    code: 'BAD_USER_INPUT',
    message: `The request body is too large: at most ${String(body_bytes)} bytes.`,
    // what is left of the body is not worth reading
    headers: { connection: 'close' },
  }
}

/** A browser that asks whether a page of a listed origin may send the operation (Fetch standard, CORS protocol). */
export function isPreflight({ method, origin }: Pick<HttpFacts, 'method' | 'origin'>, origins: readonly string[]) {
  return method === 'OPTIONS' && origin !== null && origins.includes(origin)
}

/** The scheme may differ behind a proxy that ends TLS. */
function isOwnOrigin(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}

/** A browser that opens the page of development mode. */
export function asksForPage(method: string, accept: string | null): boolean {
  return method === 'GET' && (accept ?? '').includes('text/html')
}

function isJson(contentType: string | null): boolean {
  const [type, ...parameters] = (contentType ?? '').split(';').map((part) => part.trim().toLowerCase())
  // Another charset would make the body mean something else to us than to whoever checked it (CVE-2026-23897).
  return type === 'application/json' && parameters.every((parameter) => /^charset="?utf-8"?$/.test(parameter))
}

/** On every answer, errors included: what a token was in must not be stored, framed or sniffed (TRUST S6). */
export const responseHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  pragma: 'no-cache',
  vary: 'Authorization',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
}

/** What an answer tells the browser about the page's origin; credentials stay in the header, never in cookies. */
export function corsHeaders(origin: string | null, origins: readonly string[]): Readonly<Record<string, string>> {
  if (origins.length === 0) return {}
  const vary = { vary: `${responseHeaders.vary ?? ''}, Origin` }
  if (origin === null || !origins.includes(origin)) return vary
  return {
    ...vary,
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'x-request-id',
  }
}

/** The answer to a preflight. */
export const preflightHeaders: Readonly<Record<string, string>> = {
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'authorization, content-type, x-request-id, x-request-timeout-ms',
  'access-control-max-age': '600',
}
