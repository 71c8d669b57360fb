/**
 * The HTTP core that every platform calls through: one keep-alive pool per upstream, whose number of connections is
 * the bound on concurrency; a deadline on every call; nothing followed, nothing decompressed, nothing large.
 */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { Pool } from 'undici'
import { CodedError } from '../errors.ts'
import { checkHost, guardedLookup } from './address.ts'
import { withDeadline } from './deadline.ts'
import { transportError } from './transport-error.ts'
import type { Call, UpstreamEvent } from './upstream.ts'
import { requestUrl, type UrlParts } from './url.ts'

export interface HttpOptions {
  /** The name that the operator gave; stands in every error and event. */
  readonly upstream: string
  readonly base_url: string
  /** How many requests may be under way at the same time. */
  readonly concurrency: number
  /** Milliseconds for one call, the time in the queue included. */
  readonly timeout_ms: number
  /** The same for every request; called once, when the pool opens. */
  headers(): Readonly<Record<string, string>>
  observe(event: UpstreamEvent): void
}

export interface RequestSpec extends UrlParts {
  /** A short name for logs and metrics. */
  readonly operation: string
  /** How many keys this one request answers for. */
  readonly keys: number
}

/** Any answer but a redirect; a success always has JSON. */
export interface HttpAnswer {
  readonly status: number
  /** undefined where the body of a failure is not JSON. */
  readonly json: unknown
  header(name: string): string | undefined
}

export interface Http {
  /**
   * One GET. Throws the reason of `call.signal`, or a CodedError: BAD_USER_INPUT (nothing was sent), UPSTREAM_TIMEOUT,
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
    ...options.headers(),
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

  async function exchange(url: URL, signal: AbortSignal): Promise<HttpAnswer> {
    const path = url.pathname + url.search
    const response = await pool.request({ method: 'GET', path, headers, signal })
    const { statusCode: status, headers: received, body } = response
    const refuse = (): CodedError =>
      new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream, upstream_status: status })
    const coding = headerOf(received, 'content-encoding') ?? 'identity'
    if ((status >= 300 && status < 400) || coding.toLowerCase() !== 'identity') throw refuse()
    const json = parseJson(await body.bytes())
    if (json === undefined && status < 300) throw refuse()
    return { status, json, header: (name) => headerOf(received, name) }
  }

  return {
    async request(spec, call) {
      const url = requestUrl(base, spec)
      call.signal.throwIfAborted()
      const started = performance.now()
      let outcome: UpstreamEvent['outcome'] = 'error'
      try {
        const timedOut = (): CodedError => new CodedError('UPSTREAM_TIMEOUT', undefined, { upstream })
        const answer = await withDeadline(call.signal, timeout_ms, timedOut, (signal) => exchange(url, signal))
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

/** The headers themselves; throws for the operator, naming the header and never its value. */
function checkHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  }
  return headers
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
