/**
 * Which HTTP requests are answered, as which media type, and which headers every response has: functions over the head of
 * a request. GraphQL is served at one path by POST with a JSON body only, so that neither a link nor an HTML form can read
 * a token (docs/promises.md S5).
 */
import { randomUUID } from 'node:crypto'
import { remembering } from '../lib/text.ts'
import { isLoopback } from '../lib/url.ts'
import type { Mode } from '../mode.ts'
import type { Refusal, RequestHead } from './message.ts'

export const GRAPHQL_PATH = '/graphql'

export interface CorsPolicy {
  /** Origins whose pages may call the graph, compared exactly. */
  readonly origins: readonly string[]
  /** Request headers that pages may send beside the default ones. */
  readonly headers: readonly string[]
}

export interface HttpPolicy {
  readonly mode: Mode
  readonly cors: CorsPolicy
  /** Bytes of a request body. */
  readonly bodyBytes: number
}

/** `GET` and `HEAD` of `/health` and `/ready`: answered by any host name, and at capacity. */
export function isProbe({ method, path }: RequestHead): boolean {
  return (method === 'GET' || method === 'HEAD') && (path === '/health' || path === '/ready')
}

/** Whether a browser is on its way to or from a provider (`server/connect.ts`). */
export function isConnectPath({ path }: Pick<RequestHead, 'path'>): boolean {
  return path.startsWith('/connect/')
}

/** The refusal of such a request; null: it may be answered. Other origins lead here, so that none is refused. */
export function checkConnect({ method, host }: RequestHead, { mode }: HttpPolicy): Refusal | null {
  if (mode === 'development' && !isLoopback(hostnameOf(host))) return foreignHost
  if (method === 'GET') return null
  return { status: 405, code: 'BAD_USER_INPUT', message: 'Open this address in a browser.', headers: { allow: 'GET' } }
}

// Against DNS rebinding: a page whose host name resolves to this machine must not use the development key.
const foreignHost = {
  status: 403,
  code: 'FORBIDDEN',
  message: 'Development mode answers to localhost alone.',
} as const satisfies Refusal

/** The refusal of a request that is no operation; null when it may be answered. */
export function checkRequest(request: RequestHead, policy: HttpPolicy): Refusal | null {
  const { method, host } = request
  const inDevelopment = policy.mode === 'development'
  if (inDevelopment && !isLoopback(hostnameOf(host))) return foreignHost
  if (request.path !== GRAPHQL_PATH)
    return { status: 404, code: 'BAD_USER_INPUT', message: `There is nothing here; the graph is at ${GRAPHQL_PATH}.` }
  if (inDevelopment && asksForPage(request)) return null
  if (!isAllowedOrigin(request, policy.cors))
    return {
      status: 403,
      code: 'FORBIDDEN',
      message: 'Pages of this origin may not call the graph; its operator lists those that may in cors.origins.',
    }
  if (isPreflight(request, policy.cors)) return null
  if (method !== 'POST')
    return {
      status: 405,
      code: 'BAD_USER_INPUT',
      message: 'Send the operation with POST and a JSON body (urql: preferGetMethod: false).',
      headers: { allow: 'POST' },
    }
  return checkOperationHeaders(request, policy.bodyBytes)
}

function checkOperationHeaders({ header }: RequestHead, bodyBytes: number): Refusal | null {
  if (!isJson(header('content-type')))
    return { status: 415, code: 'BAD_USER_INPUT', message: 'The Content-Type must be application/json, in UTF-8.' }
  const encoding = header('content-encoding') ?? ''
  if (encoding !== '' && encoding.toLowerCase() !== 'identity')
    return {
      status: 415,
      code: 'BAD_USER_INPUT',
      message: 'Send the body without a Content-Encoding.',
      // RFC 9110 section 15.5.16: the codings that would have been accepted.
      headers: { 'accept-encoding': 'identity' },
    }
  // Before the operation is executed: an answer that nobody accepts would still have read its tokens.
  if (acceptedTypes(header('accept')) === null)
    return { status: 406, code: 'BAD_USER_INPUT', message: 'Accept application/json to get an answer.' }
  return Number(header('content-length') ?? 0) > bodyBytes ? tooLarge(bodyBytes) : null
}

/** Also for bodies without a Content-Length, which are found too large while they are read. */
export function tooLarge(bodyBytes: number): Refusal {
  return {
    status: 413,
    code: 'BAD_USER_INPUT',
    message: `The request body is too large: at most ${bodyBytes} bytes.`,
    // The rest of the body is not read.
    headers: { connection: 'close' },
  }
}

export const bodyTimeout = {
  status: 408,
  code: 'BAD_USER_INPUT',
  message: 'The request body did not arrive in time.',
  headers: { connection: 'close' },
} as const satisfies Refusal

/** Whether a browser asks if a page of a listed origin may send an operation (Fetch standard, CORS preflight). */
export function isPreflight({ method, header }: RequestHead, { origins }: CorsPolicy): boolean {
  const origin = header('origin')
  return method === 'OPTIONS' && origin !== null && origins.includes(origin)
}

/** Whether a browser opens the page of development mode. */
export function asksForPage({ method, header }: RequestHead): boolean {
  return method === 'GET' && (header('accept') ?? '').includes('text/html')
}

/**
 * Whether a page may call the graph, or no page asks. A proxy may rewrite Host, so that the origin no longer shows that
 * the page is its own; no page can set `Sec-Fetch-Site` (Fetch Metadata section 2.4).
 */
function isAllowedOrigin({ host, header }: RequestHead, { origins }: CorsPolicy): boolean {
  const origin = header('origin')
  if (origin === null || isOwnOrigin(origin, host) || origins.includes(origin)) return true
  return header('sec-fetch-site') === 'same-origin'
}

/** Compares the host only: behind a proxy that ends TLS the scheme differs. */
function isOwnOrigin(origin: string, host: string): boolean {
  const url = URL.parse(origin)
  return (url?.protocol === 'https:' || url?.protocol === 'http:') && url.host === host.toLowerCase()
}

function hostnameOf(host: string): string {
  return URL.parse(`http://${host}`)?.hostname ?? ''
}

/** On every response: an answer may hold a token, and is never stored, framed or sniffed (docs/promises.md S6). */
export const responseHeaders = {
  'cache-control': 'no-store',
  pragma: 'no-cache',
  vary: 'Authorization',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
} as const satisfies Readonly<Record<string, string>>

/** The headers of every response, with those of CORS for the origin of the page that asks; cookies are never used. */
export function headersFor(origin: string | null, { origins }: CorsPolicy): Readonly<Record<string, string>> {
  if (origins.length === 0) return responseHeaders
  const vary = `${responseHeaders.vary}, Origin`
  if (origin === null || !origins.includes(origin)) return { ...responseHeaders, vary }
  return {
    ...responseHeaders,
    vary,
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'x-request-id, retry-after',
  }
}

/** What GraphQL clients and their tracing add by themselves; a browser blocks the request where one is not allowed. */
const allowedHeaders = [
  'authorization',
  'content-type',
  'x-request-id',
  'x-request-timeout-ms',
  'traceparent',
  'tracestate',
  'baggage',
  'apollographql-client-name',
  'apollographql-client-version',
  'apollo-require-preflight',
  'sentry-trace',
]

/** The further headers of the response to a preflight; its lifetime is in seconds. */
export function preflightHeaders({ headers }: CorsPolicy): Readonly<Record<string, string>> {
  const allowed = new Set([...allowedHeaders, ...headers.map((name) => name.toLowerCase())])
  return {
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': [...allowed].join(', '),
    'access-control-max-age': '600',
  }
}

export const REQUEST_ID_HEADER = 'x-request-id'
const plainId = /^[A-Za-z0-9_.-]{1,64}$/

/** The id of a request. A plain one of the caller is kept, so that its logs and ours can be joined. */
export function requestIdOf(given: string | null): string {
  return given !== null && plainId.test(given) ? given : randomUUID()
}

// The media types of responses, by the `Accept` header (RFC 9110 section 12.5.1, GraphQL over HTTP section 4.3).

/** The media type that tells a GraphQL error from a failure of something between client and server. */
const GRAPHQL_RESPONSE = 'application/graphql-response+json'
const JSON_TYPE = 'application/json'

/** What an operation can be answered as. */
const offered = [JSON_TYPE, GRAPHQL_RESPONSE, 'text/event-stream', 'multipart/mixed']

/**
 * Returns the media ranges of the header under which an operation can be answered, without their parameters, in their
 * order; any type without a header, null where there is none.
 */
export function acceptedTypes(accept: string | null): string | null {
  return accept === null ? '*/*' : acceptedRanges(accept)
}

const acceptedRanges = remembering((accept) => {
  if (accept.trim() === '') return '*/*'
  const ranges = accept
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .filter(([range = '', ...parameters]) => isOffered(range) && !parameters.some(isZeroWeight))
    .map(([range = '']) => range)
  return ranges.length === 0 ? null : ranges.join(', ')
})

/**
 * The media type of an answer that is no stream: of the ranges that allow one, the first that the caller lists. Null
 * where the header allows streams alone, JSON where it allows nothing that is offered.
 */
export function answerType(accept: string | null): string | null {
  return accept === null ? JSON_TYPE : answerTypeOf(accept)
}

const answerTypeOf = remembering((accept) => {
  const types = acceptedRanges(accept)?.split(', ') ?? ['*/*']
  for (const type of types) {
    if (type === GRAPHQL_RESPONSE) return GRAPHQL_RESPONSE
    if (type === JSON_TYPE || type === '*/*' || type === 'application/*') return JSON_TYPE
  }
  return null
})

/** The `Content-Type` of a refusal: that of GraphQL where the caller lists it, and not after JSON. */
export function refusalType(accept: string | null): string {
  const types = acceptedTypes(accept)?.split(', ') ?? []
  const first = types.find((type) => type === GRAPHQL_RESPONSE || type === JSON_TYPE)
  return `${first ?? JSON_TYPE}; charset=utf-8`
}

function isOffered(range: string): boolean {
  if (range === '*/*') return true
  return range.endsWith('/*') ? offered.some((type) => type.startsWith(range.slice(0, -1))) : offered.includes(range)
}

function isZeroWeight(parameter: string): boolean {
  return /^q\s*=\s*0(?:\.0*)?$/.test(parameter)
}

/**
 * Whether a `Content-Type` is JSON in UTF-8. Empty parameters are allowed (RFC 9110 section 5.6.6), and `utf8` is a
 * label of UTF-8 (Encoding standard section 4.2). Decoded by another charset the body could differ from what a proxy in
 * front has checked (CVE-2026-23897).
 */
function isJson(contentType: string | null): boolean {
  return contentType !== null && isJsonType(contentType)
}

const isJsonType = remembering((contentType) => {
  const [type, ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase())
  return type === JSON_TYPE && parameters.every((parameter) => /^(?:charset="?utf-?8"?)?$/.test(parameter))
})
