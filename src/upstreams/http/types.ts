/** What goes through the HTTP core: types only. */
import type { Call, PlatformEvent, UpstreamState } from '../platform.ts'
import type { HttpTuning } from './options.ts'
import type { UrlParts } from './url.ts'

export type Headers = Readonly<Record<string, string>>

/** A credential that expires, such as the token of an OAuth client; `credentials.ts` makes one. */
export interface Authorize {
  /** The headers for one request; throws a CodedError where there is no credential to be had. */
  headers(call: Call): Promise<Headers>
  /** The platform refused these headers with a 401: the next ones should be others. */
  invalidate(refused: Headers): void
}

/** What `httpOptionFields` leaves to the operator has a default here, too. */
export interface HttpOptions extends Partial<HttpTuning> {
  /** @deprecated Put on errors and events by the server. */
  readonly upstream?: string
  readonly base_url: string
  /** The same for every request; called once, when the pool opens. */
  headers?(): Headers
  /** Asked before every request that brings no `authorization` of its own; a 401 makes it fetch another credential. */
  readonly authorize?: Authorize
  observe(event: PlatformEvent): void
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
  /** A success may be something else than JSON; its text is then in the answer. */
  readonly acceptsText?: boolean
}

export type RequestBody =
  /** In the order sent; a key may repeat. */
  { readonly form: readonly (readonly [key: string, value: string])[] } | { readonly json: unknown }

/** Any answer but a redirect; a success always has JSON, or a text where the request accepts it. */
export interface HttpAnswer {
  readonly status: number
  /** undefined where the body of a failure is not JSON. */
  readonly json: unknown
  /** Only of a success that is not JSON, where the request accepts it. */
  readonly text?: string
  header(name: string): string | undefined
}

export interface Http {
  /**
   * One request, sent again where that may help and does no harm (`retry.ts`). Throws the reason of `call.signal`, or a
   * CodedError: BAD_USER_INPUT (nothing was sent), UPSTREAM_RATE_LIMITED (nothing was sent), UPSTREAM_TIMEOUT,
   * UPSTREAM_UNAVAILABLE, UPSTREAM_PROTOCOL_ERROR. Failures with a status are answers, for the platform to judge.
   */
  request(spec: RequestSpec, call: Call): Promise<HttpAnswer>
  state(): UpstreamState
  /** Waits for the requests under way, each bounded by its deadline. */
  close(): Promise<void>
}
