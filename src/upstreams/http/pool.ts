/** Exchanges with an upstream over a keep-alive pool; no redirect is followed, nothing is decompressed, sizes are bounded. */
import request from 'undici/lib/api/api-request.js'
import Pool from 'undici/lib/dispatcher/pool.js'
import type { Dispatcher } from 'undici'
import { badUserInput, CodedError, Reason } from '../../errors.ts'
import { validateHeaderName, validateHeaderValue } from '../../lib/node-http.ts'
import type { Headers, HttpAnswer, RequestBody, RequestSpec } from './types.ts'
import { checkHost, guardedLookup, requestUrl, routeOf } from './url.ts'

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
      const url = requestUrl(base, spec)
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
