/**
 * Exchanges with an upstream over a keep-alive pool; no redirect is followed, nothing is decompressed, sizes are bounded.
 *
 * Two independent rules guard the URL of a request (docs/promises.md S9): a value is percent-encoded into one segment of
 * the path, and the finished URL must have exactly the path that was built. `address.ts` guards the connection.
 */
import type { Dispatcher } from 'undici'
import { badUserInput, CodedError, Reason } from '../../errors.ts'
import { validateHeaderName, validateHeaderValue } from '../../lib/node-http.ts'
import { withoutTrailingSlashes } from '../../lib/url.ts'
import { checkAccountId } from '../../tokens/ids.ts'
import { checkHost, guardedLookup, routeOf } from './address.ts'
import type { Headers, HttpAnswer, RequestBody, RequestSpec, UrlParts } from './types.ts'
import { Pool, request } from './undici.ts'

export interface PoolOptions {
  readonly baseUrl: string
  /** Whether plain http may go to private addresses. */
  readonly plainHttp: boolean
  readonly connections: number
  /** Milliseconds. */
  readonly connectTimeoutMs: number
  /** The same for every request. */
  readonly headers: Headers
}

/** A checked request, which can be sent any number of times. */
export interface Prepared {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly headers: Headers
  readonly body: string | null
  readonly acceptsText: boolean
}

/** Any answer, as it came: of a failure as well, and of a redirect. */
export interface RawAnswer {
  readonly status: number
  readonly body: Uint8Array
  header(name: string): string | undefined
}

export interface HttpPool {
  /**
   * Sends one request once. Rejects with what undici throws; `onSent` is called just before the first byte leaves, so
   * that the caller knows what the other side may have done.
   */
  exchange(request: Omit<Prepared, 'acceptsText'>, signal: AbortSignal, onSent?: () => void): Promise<RawAnswer>
  /** Throws BAD_USER_INPUT where a value does not fit into the URL or a header. */
  prepare(spec: RequestSpec): Prepared
  /** Rejects with what undici throws, or UPSTREAM_PROTOCOL_ERROR; the request's own headers override `extra`. */
  send(prepared: Prepared, extra: Headers, signal: AbortSignal): Promise<HttpAnswer>
  close(): Promise<void>
}

const MAX_BODY_BYTES = 1024 * 1024
const MAX_HEADER_BYTES = 16 * 1024
/** Milliseconds for which an idle connection is kept where the platform does not announce its own time. */
const KEEP_ALIVE_MS = 30_000

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Opens the pool; throws where the base URL or a header cannot be used. Connects on the first request. */
export function openPool(options: PoolOptions): HttpPool {
  const base = new URL(options.baseUrl)
  const route = routeOf(base, options.plainHttp)
  checkHost(base, route)
  const prefix = pathPrefix(base)
  const common = checkHeaders({
    accept: 'application/json',
    // Without it any coding would be acceptable (RFC 9110 section 12.5.3); an answer in another is refused below.
    'accept-encoding': 'identity',
    'user-agent': 'tokengraph',
    ...options.headers,
  })
  const pool = new Pool(base.origin, {
    connections: options.connections,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: options.connectTimeoutMs, lookup: guardedLookup(route) },
    // The deadline of the call bounds the exchange.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    maxResponseSize: MAX_BODY_BYTES,
  })

  const noticing = pool.compose(noticeSending)

  return {
    prepare(spec) {
      const url = requestUrl(base, spec, prefix)
      const { method = 'GET', headers = {}, body, acceptsText = false } = spec
      const encoded = body === undefined ? null : encodeBody(body)
      return {
        method,
        path: url.pathname + url.search,
        headers: checkOwnHeaders(encoded === null ? headers : { 'content-type': encoded.type, ...headers }),
        body: encoded?.text ?? null,
        acceptsText,
      }
    },
    async exchange({ method, path, headers, body }, signal, onSent) {
      const options = { method, path, headers: { ...common, ...headers }, body, signal, onSent }
      const { statusCode: status, headers: received, body: content } = await request.call(noticing, options)
      return { status, body: await content.bytes(), header: (name) => headerOf(received, name) }
    },
    async send({ method, path, headers, body, acceptsText }, extra, signal) {
      const response = await request.call(pool, {
        method,
        path,
        headers: { ...common, ...extra, ...headers },
        body,
        signal,
      })
      const { statusCode: status, headers: received, body: content } = response
      const refuse = (why: string): CodedError =>
        new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream_status: status }, { cause: new Reason(why) })
      const coding = headerOf(received, 'content-encoding') ?? 'identity'
      if (status >= 300 && status < 400) throw refuse('a redirect')
      if (coding.toLowerCase() !== 'identity') throw refuse('a content coding that was not asked for')
      const text = decode(await content.bytes())
      const json = parseJson(text)
      const header = (name: string): string | undefined => headerOf(received, name)
      if (json !== undefined || status >= 300) return { status, json, header }
      if (text === undefined || !acceptsText) throw refuse('not JSON')
      return { status, json, text, header }
    },
    close: () => pool.close(),
  }
}

interface Noticed extends Dispatcher.DispatchOptions {
  readonly onSent?: () => void
}

/** Calls `onSent` when a request gets its connection, which is connected and encrypted by then. */
function noticeSending(dispatch: Dispatcher.Dispatch): Dispatcher.Dispatch {
  return (options, handler) =>
    dispatch(options, {
      ...bound(handler),
      onRequestStart(controller, context) {
        const { onSent } = options as Noticed
        onSent?.()
        handler.onRequestStart?.(controller, context)
      },
    })
}

/** The methods of a handler, which may be on its prototype. */
function bound(handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
  return {
    onRequestUpgrade: (...parts) => handler.onRequestUpgrade?.(...parts),
    onResponseStart: (...parts) => handler.onResponseStart?.(...parts),
    onResponseData: (...parts) => handler.onResponseData?.(...parts),
    onResponseEnd: (...parts) => handler.onResponseEnd?.(...parts),
    onResponseError: (...parts) => handler.onResponseError?.(...parts),
  }
}

/** The headers with names in lower case; throws for the operator, naming the header and never its value. */
function checkHeaders(headers: Headers): Headers {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  }
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function checkOwnHeaders(headers: Headers): Headers {
  try {
    return checkHeaders(headers)
  } catch {
    throw badUserInput('The credential does not fit into the header of a request.')
  }
}

function encodeBody(body: RequestBody): { readonly type: string; readonly text: string } {
  if ('json' in body) return { type: 'application/json', text: JSON.stringify(body.json) }
  const pairs = body.form.map(([key, value]): [string, string] => [key, value])
  return { type: 'application/x-www-form-urlencoded', text: new URLSearchParams(pairs).toString() }
}

function headerOf(headers: RawHeaders, name: string): string | undefined {
  const key = name.toLowerCase()
  const value = Object.hasOwn(headers, key) ? headers[key] : undefined
  return Array.isArray(value) ? value[0] : value
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

const placeholder = /\{([a-z_]+)\}/g

/**
 * The path with every parameter checked and encoded; BAD_USER_INPUT that names the parameter and never echoes it. `.` and
 * `..` are refused: no encoding keeps them in their segment (WHATWG URL, single-dot and double-dot path segments).
 */
export function fillPath(template: string, params: Readonly<Record<string, string>>): string {
  return template.replace(placeholder, (_, name: string) =>
    encodeURIComponent(checkPathSegment(params[name] ?? '', name)),
  )
}

/** Returns the value, which may be any id but one that a parser of URLs takes for a step to another folder. */
export function checkPathSegment(value: string, argument: string): string {
  if (value === '.' || value === '..') throw badUserInput(`${argument}: the value does not fit into the path of a URL.`)
  return checkAccountId(value, argument)
}

/** The URL of a request below `base`; BAD_USER_INPUT where a parameter cannot be a segment of a path. */
export function requestUrl(base: URL, parts: UrlParts, prefix = pathPrefix(base)): URL {
  const path = prefix + fillPath(parts.template, parts.params ?? {})
  const url = new URL(path, base)
  if (!isExactly(url, base, path)) {
    const names = [...parts.template.matchAll(placeholder)].map(([, name]) => name)
    throw badUserInput(`${names.join(', ')}: the value does not fit into the path of a URL.`)
  }
  for (const [key, value] of parts.query ?? []) url.searchParams.append(key, value)
  return url
}

/** Whether a parsed URL has the origin of `base` and exactly this path: no parser moved a part of it elsewhere. */
export function isExactly(url: URL, base: URL, path: string): boolean {
  return (
    url.origin === base.origin &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '' &&
    url.pathname === path
  )
}

/** The path of the base URL without slashes at its end: `prefix` of each request. */
function pathPrefix(base: URL): string {
  return withoutTrailingSlashes(base.pathname)
}
