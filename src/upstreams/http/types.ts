/** What goes through the HTTP client: its options, its requests and its answers. */
import { z } from 'zod'
import type { Call, RateOptions, UpstreamDeps, UpstreamState } from '../platform.ts'

/** What a request adds to the base URL. */
export interface UrlParts {
  /** A path such as `/users/{user_id}`; from the platform's code, never from a caller. */
  readonly template: string
  /** One value for each `{name}` in the template. */
  readonly params?: Readonly<Record<string, string>>
  /** In the order sent; a key may repeat. */
  readonly query?: readonly (readonly [key: string, value: string])[]
}

/** The options that every platform with an HTTP API has in common: spread into its own, handed on to `openHttp`. */
export const httpOptionFields = {
  concurrency: z
    .int()
    .min(1)
    .max(1000)
    .default(50)
    .describe('How many requests to this upstream may be under way at the same time; the rest wait their turn.'),
  timeout_ms: z
    .int()
    .min(100)
    .max(120_000)
    .default(10_000)
    .describe('Milliseconds that one request may take, the wait for its turn and any retry included.'),
  rate: z
    .strictObject({
      requests: z.int().min(1).max(1_000_000).describe('How many requests the platform accepts.'),
      per_seconds: z.number().min(0.1).max(3600).describe('In any span of so many seconds.'),
    })
    .optional()
    .meta({
      description: 'The rate limit of the credential: no request goes out that the platform would refuse.',
      fallback: "the platform's documented limit, where there is one",
    }),
  retries: z
    .int()
    .min(0)
    .max(5)
    .default(2)
    .describe(
      'How often a read is sent again after 429, 502, 503 or 504 of the platform itself, or a broken connection; a fifth of all requests at most.',
    ),
  breaker: z
    .strictObject({
      minimum_requests: z.int().min(5).max(10_000).default(20).describe('Fewer requests than these never open it.'),
      failure_rate: z
        .number()
        .min(0.05)
        .max(0.95)
        .default(0.5)
        .describe(
          'The share of failed requests (5xx, timeouts, broken connections) above which it opens; those of one user do not open it.',
        ),
    })
    .prefault({})
    .describe('When an upstream that fails is left alone for a while; a provider behind it has a breaker of its own.'),
}

/** The options of `httpOptionFields` as the operator gave them. */
export type HttpFields = z.output<z.ZodObject<typeof httpOptionFields>>

export interface BreakerOptions {
  /** Fewer requests than this never open it. */
  readonly minimumRequests: number
  /** The share of failures above which it opens. */
  readonly failureRate: number
}

/** The same inside. */
export interface HttpTuning {
  readonly concurrency: number
  readonly timeoutMs: number
  /** null: no limit is known. */
  readonly rate: RateOptions | null
  readonly retries: number
  readonly breaker: BreakerOptions
}

/**
 * The common options out of a platform's own: `openHttp({ ...httpTuning(options), ...deps, baseUrl })`. `rate` is the
 * limit that the platform documents, which holds where the operator gives none.
 */
export function httpTuning(options: HttpFields, rate: RateOptions | null = null): HttpTuning {
  const { concurrency, timeout_ms: timeoutMs, rate: given, retries, breaker } = options
  return {
    concurrency,
    timeoutMs,
    rate: given === undefined ? rate : { requests: given.requests, perSeconds: given.per_seconds },
    retries,
    breaker: { minimumRequests: breaker.minimum_requests, failureRate: breaker.failure_rate },
  }
}

/** What holds where an option is left out. */
export const httpDefaults: HttpTuning = httpTuning(z.object(httpOptionFields).parse({}))

export type Headers = Readonly<Record<string, string>>

/** A credential that expires, such as the access token of an OAuth client (`oauth-client.ts`). */
export interface Authorize {
  /** The headers for one request; rejects with a CodedError where no credential can be had. */
  headers(call: Call): Promise<Headers>
  /** Called when the platform refused these headers with a 401: the next ones should differ. */
  invalidate(refused: Headers): void
}

/** Options that are left out have the defaults of `httpOptionFields`. */
export interface HttpOptions extends Partial<HttpTuning>, UpstreamDeps {
  readonly baseUrl: string
  /** The same for every request; called once, when the pool opens. */
  headers?(): Headers
  /** Asked before every request that has no `authorization` header of its own; a 401 makes it fetch another one. */
  readonly authorize?: Authorize
}

/**
 * Whose failure an answer is: of the key that was asked for (its user, its account, or what this server sent), of the
 * provider that the platform asked in turn, or of the platform. Only the last is retried, blocks the credential and
 * counts in the breaker of the upstream.
 */
export type Blame = 'none' | 'key' | 'provider' | 'upstream'

export interface RequestSpec extends UrlParts {
  /** A short name for logs and metrics. */
  readonly operation: string
  /**
   * The provider that the platform may have to ask before it answers. It has a breaker and a block of its own, and
   * leaves a part of the concurrency to others; the rate limit is the credential's and shared. Left out: none.
   */
  readonly scope?: string
  /** The user that the request is about: the failures of one user open no breaker. Left out: none, or several. */
  readonly user?: string | null
  /** Left out: 429 and 5xx are failures of the platform, and other refusals are the key's. */
  blame?(answer: HttpAnswer): Blame
  /** How many keys this one request answers for. */
  readonly keys: number
  /** GET where left out. */
  readonly method?: 'GET' | 'POST' | 'PATCH'
  readonly body?: RequestBody
  /** For this request only; they override those of the pool. */
  readonly headers?: Headers
  /**
   * Whether the request may be repeated when its answer was lost. Left out: only a GET may; a POST that only reads says
   * so here.
   */
  readonly idempotent?: boolean
  /** Whether a success may be something other than JSON; its text is then in the answer. */
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
  /** The rate limit of the credential; null: none is known. */
  readonly rate: RateOptions | null
  /**
   * Sends one request, again where that may help and does no harm (`resilience.ts`). Rejects with the reason of
   * `call.signal`, or with a CodedError: BAD_USER_INPUT (nothing was sent), UPSTREAM_RATE_LIMITED (nothing was sent),
   * UPSTREAM_TIMEOUT, UPSTREAM_UNAVAILABLE, UPSTREAM_PROTOCOL_ERROR. A failure with a status is an answer, which the
   * platform reads.
   */
  request(spec: RequestSpec, call: Call): Promise<HttpAnswer>
  state(): UpstreamState
  /** Waits for the requests in flight, each bounded by its deadline. */
  close(): Promise<void>
}
