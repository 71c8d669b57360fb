/**
 * The HTTP core that every platform calls through: one keep-alive pool per upstream, whose number of connections is
 * the bound on concurrency; a deadline on every call; nothing followed, nothing decompressed, nothing large.
 */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { Pool } from 'undici'
import { badUserInput, CodedError } from '../errors.ts'
import { checkHost, guardedLookup } from './address.ts'
import { withDeadline } from './deadline.ts'
import { transportError } from './transport-error.ts'
import type { Call, UpstreamEvent } from './upstream.ts'
import { requestUrl, type UrlParts } from './url.ts'

type Headers = Readonly<Record<string, string>>

/** A credential that expires, such as the token of an OAuth client; `credentials.ts` makes one. */
export interface Authorize {
  /** The headers for one request; throws a CodedError where there is no credential to be had. */
  headers(call: Call): Promise<Headers>
  /** The platform refused these headers with a 401: the next ones must be others. */
  invalidate(refused: Headers): void
}

export interface HttpOptions {
  /** The name that the operator gave; stands in every error and event. */
  readonly upstream: string
  readonly base_url: string
  /** How many requests may be under way at the same time. */
  readonly concurrency: number
  /** Milliseconds for one call, the time in the queue included. */
  readonly timeout_ms: number
  /** The same for every request; called once, when the pool opens. */
  headers?(): Headers
  /** Asked before every request that brings no `authorization` of its own; a 401 makes it fetch another credential. */
  readonly authorize?: Authorize
  observe(event: UpstreamEvent): void
}

export interface RequestSpec extends UrlParts {
  /** A short name for logs and metrics. */
  readonly operation: string
  /** How many keys this one request answers for. */
  readonly keys: number
  /** GET where left out. */
  readonly method?: 'GET' | 'POST' | 'PATCH'
  readonly body?: RequestBody
  /** For this request alone; they win over those of the pool. */
  readonly headers?: Headers
  /**
   * Whether a second request after a lost one does no harm. Left out: a GET is idempotent, the others are not; a POST
   * that only reads says so here.
   */
  readonly idempotent?: boolean
}

export type RequestBody =
  /** In the order sent; a key may repeat. */
  { readonly form: readonly (readonly [key: string, value: string])[] } | { readonly json: unknown }

/** Any answer but a redirect; a success always has JSON. */
export interface HttpAnswer {
  readonly status: number
  /** undefined where the body of a failure is not JSON. */
  readonly json: unknown
  header(name: string): string | undefined
}

export interface Http {
  /**
   * One request. Throws the reason of `call.signal`, or a CodedError: BAD_USER_INPUT (nothing was sent), UPSTREAM_TIMEOUT,
   * UPSTREAM_UNAVAILABLE, UPSTREAM_PROTOCOL_ERROR. Failures with a status are answers, for the platform to judge.
   */
  request(spec: RequestSpec, call: Call): Promise<HttpAnswer>
  /** Waits for the requests under way, each bounded by its deadline. */
  close(): Promise<void>
}

const MAX_BODY_BYTES = 1024 * 1024
const MAX_HEADER_BYTES = 16 * 1024
/** Milliseconds an idle connection is kept where the platform does not announce its own time. */
const KEEP_ALIVE_MS = 30_000

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Opens the pool; throws where the base URL or a header cannot be used. Connects on the first request. */
export function openHttp(options: HttpOptions): Http {
  const { upstream, timeout_ms } = options
  const base = new URL(options.base_url)
  checkHost(base)
  const headers = checkHeaders({
    accept: 'application/json',
    // Without it any coding would be acceptable (RFC 9110 section 12.5.3); an answer in another is refused below.
    'accept-encoding': 'identity',
    'user-agent': 'tokengraph',
    ...options.headers?.(),
  })
  const pool = new Pool(base.origin, {
    connections: options.concurrency,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: timeout_ms, lookup: guardedLookup(base.protocol) },
    // The deadline of the call is the only clock.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    maxResponseSize: MAX_BODY_BYTES,
  })

  async function exchange(url: URL, spec: RequestSpec, own: Headers, signal: AbortSignal): Promise<HttpAnswer> {
    const response = await pool.request({
      method: spec.method ?? 'GET',
      path: url.pathname + url.search,
      headers: { ...headers, ...own },
      body: spec.body === undefined ? null : encodeBody(spec.body).text,
      signal,
    })
    const { statusCode: status, headers: received, body } = response
    const refuse = (): CodedError =>
      new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream, upstream_status: status })
    const coding = headerOf(received, 'content-encoding') ?? 'identity'
    if ((status >= 300 && status < 400) || coding.toLowerCase() !== 'identity') throw refuse()
    const json = parseJson(await body.bytes())
    if (json === undefined && status < 300) throw refuse()
    return { status, json, header: (name) => headerOf(received, name) }
  }

  /** A refused credential is fetched anew once: the platform did not look at the request, whatever its method. */
  async function authorized(url: URL, spec: RequestSpec, own: Headers, call: Call): Promise<HttpAnswer> {
    const { authorize } = options
    if (authorize === undefined || Object.hasOwn(own, 'authorization')) return exchange(url, spec, own, call.signal)
    const first = await authorize.headers(call)
    const answer = await exchange(url, spec, { ...first, ...own }, call.signal)
    if (answer.status !== 401) return answer
    authorize.invalidate(first)
    return exchange(url, spec, { ...(await authorize.headers(call)), ...own }, call.signal)
  }

  return {
    async request(spec, call) {
      const url = requestUrl(base, spec)
      const own = ownHeaders(spec)
      call.signal.throwIfAborted()
      const started = performance.now()
      let outcome: UpstreamEvent['outcome'] = 'error'
      try {
        const timedOut = (): CodedError => new CodedError('UPSTREAM_TIMEOUT', undefined, { upstream })
        const answer = await withDeadline(call.signal, timeout_ms, timedOut, (signal) =>
          authorized(url, spec, own, { ...call, signal }),
        )
        if (answer.status < 300) outcome = 'ok'
        return answer
      } catch (error) {
        if (call.signal.aborted) {
          outcome = 'aborted'
          throw call.signal.reason
        }
        throw error instanceof CodedError ? error : transportError(error, upstream)
      } finally {
        const duration_ms = performance.now() - started
        options.observe({ upstream, operation: spec.operation, keys: spec.keys, outcome, duration_ms })
      }
    },
    close: () => pool.close(),
  }
}

/** What this request adds to the headers of the pool. */
function ownHeaders({ headers = {}, body }: RequestSpec): Headers {
  try {
    return checkHeaders(body === undefined ? headers : { 'content-type': encodeBody(body).type, ...headers })
  } catch {
    throw badUserInput('The credential does not fit into the header of a request.')
  }
}

function encodeBody(body: RequestBody): { readonly type: string; readonly text: string } {
  if ('json' in body) return { type: 'application/json', text: JSON.stringify(body.json) }
  const pairs = body.form.map(([key, value]): [string, string] => [key, value])
  return { type: 'application/x-www-form-urlencoded', text: new URLSearchParams(pairs).toString() }
}

/** The headers with names in lower case; throws for the operator, naming the header and never its value. */
function checkHeaders(headers: Headers): Headers {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  }
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function headerOf(headers: RawHeaders, name: string): string | undefined {
  const key = name.toLowerCase()
  const value = Object.hasOwn(headers, key) ? headers[key] : undefined
  return Array.isArray(value) ? value[0] : value
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    return undefined
  }
}
