/**
 * The closed list of error codes that callers see, and the one error class that carries them.
 *
 * The list drives the types, the masking of unknown errors and `docs/errors.md`.
 */

interface CodeRow {
  /** The message callers see when the thrower has nothing safer to add. */
  readonly message: string
  /** Whether the same request may succeed later without anybody changing anything. */
  readonly retryable: boolean
  /** What the reader of the error should do; the last column of the docs table. */
  readonly remedy: string
}

export const errorCodes = {
  UNAUTHENTICATED: {
    message: 'No valid credentials were presented.',
    retryable: false,
    remedy: 'Send `Authorization: Bearer` with a service key or a current user token.',
  },
  FORBIDDEN: {
    message: 'The caller may not read this.',
    retryable: false,
    remedy: 'Ask the operator for a grant that covers the provider, the field and the user.',
  },
  BAD_USER_INPUT: {
    message: 'An argument is not valid.',
    retryable: false,
    remedy: 'Correct the argument that the message names.',
  },
  PERSISTED_QUERY_NOT_SUPPORTED: {
    // Clients compare this text.
    message: 'PersistedQueryNotSupported',
    retryable: false,
    remedy: 'Send the text of the operation; clients with automatic persisted queries do so by themselves.',
  },
  USER_NOT_FOUND: {
    message: 'The platform does not know this user.',
    retryable: false,
    remedy: 'Check the user id, and that the provider is routed to the platform that holds this user.',
  },
  PROVIDER_NOT_CONFIGURED: {
    message: 'No upstream serves this provider.',
    retryable: false,
    remedy: 'Enable the provider at the platform, or route it in `providers`.',
  },
  CONNECT_NOT_SUPPORTED: {
    message: 'Accounts at this provider are not connected by this server.',
    retryable: false,
    remedy: 'Connect accounts at the platform that holds them; for the vault, configure `connect` and a client.',
  },
  REAUTHORIZATION_REQUIRED: {
    message: 'The user has to go through consent again.',
    retryable: false,
    remedy: 'Send the user through the connect flow of the platform.',
  },
  UNSUPPORTED_CREDENTIAL: {
    message: 'The account holds a credential that is not an OAuth access token.',
    retryable: false,
    remedy: 'Connect the account through an OAuth provider.',
  },
  UPSTREAM_REJECTED: {
    message: "The platform refused this server's own credential or request.",
    retryable: false,
    remedy: 'Operator: check the key, its permissions and the API version of the upstream.',
  },
  UPSTREAM_RATE_LIMITED: {
    message: 'The platform is limiting the rate of requests.',
    retryable: true,
    remedy: 'Wait `retry_after_ms` milliseconds, then ask again.',
  },
  UPSTREAM_UNAVAILABLE: {
    message: 'The platform could not be reached or answered with a failure of its own.',
    retryable: true,
    remedy: 'Ask again later; other upstreams are not affected.',
  },
  UPSTREAM_TIMEOUT: {
    message: 'The platform did not answer in time.',
    retryable: true,
    remedy: 'Ask again later, or raise `timeout_ms` of the upstream.',
  },
  UPSTREAM_PROTOCOL_ERROR: {
    message: 'The platform answered in a form that its documentation does not describe.',
    retryable: false,
    remedy: 'Operator: check `base_url`, and report the trace id to the platform.',
  },
  OVERLOADED: {
    message: 'The server is at capacity.',
    retryable: true,
    remedy: 'Wait `retry_after_ms` milliseconds, then ask again.',
  },
  INTERNAL_SERVER_ERROR: {
    message: 'Unexpected error.',
    retryable: false,
    remedy: 'Report the request id; the log of the server has the cause.',
  },
} as const satisfies Record<string, CodeRow>

export type ErrorCode = keyof typeof errorCodes

/** Every code that a caller may see: those of the table, and GraphQL's own. */
export const knownErrorCodes: ReadonlySet<unknown> = new Set([
  ...Object.keys(errorCodes),
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
])

/** What may stand beside the code in `extensions`. Never a URL, a body, a header or an upstream's free text. */
export interface ErrorDetails {
  /** The name of the configured upstream that failed. */
  readonly upstream?: string
  readonly provider?: string
  readonly retryable?: boolean
  /** Milliseconds. */
  readonly retry_after_ms?: number
  /** The HTTP status of the platform's answer. */
  readonly upstream_status?: number
  /** The platform's own error code: a short identifier, checked by `upstreamCode`. */
  readonly upstream_code?: string
  /** The platform's trace id, for its support. */
  readonly trace_id?: string
  /** Whole Unix seconds since when an account is as the error says, where the platform knows. */
  readonly state_since?: number
  /** The kind of the last failure of a refresh: `grant_dead`, `client_bad`, `config`, `rate`, `ambiguous` … */
  readonly last_failure?: string
  /** Whole Unix seconds of that failure. */
  readonly last_failure_at?: number
  /** The id of the request, as in the header `x-request-id` and in the log. */
  readonly request_id?: string
}

/**
 * An error that callers may see as it is. graphql-js copies `extensions` to the GraphQL error, so neither the
 * schema nor the upstreams need to know the other.
 */
export class CodedError extends Error {
  override readonly name = 'CodedError'
  readonly code: ErrorCode
  readonly extensions: ErrorDetails & { readonly code: ErrorCode; readonly retryable: boolean }

  /** `message` is shown to callers: it must be a sentence of ours, without secrets and without upstream text. */
  constructor(code: ErrorCode, message?: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message ?? errorCodes[code].message, options)
    this.code = code
    this.extensions = { code, retryable: errorCodes[code].retryable, ...details }
  }
}

/**
 * A cause whose message is written for the operator: a fixed phrase, a code, a status or names of fields, never a value
 * of a caller or a platform. The log prints it; callers never see it.
 */
export class Reason extends Error {
  override readonly name = 'Reason'
}

const systemCode = /^[A-Z][A-Z0-9_]{1,63}$/

/** The reason behind an error, for one field of a log line: of the innermost cause that tells one; null: none does. */
export function reasonOf(error: unknown): string | null {
  let found: string | null = null
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    if (cause instanceof Reason) found = cause.message
    else if (!(cause instanceof CodedError)) found = codeOf(cause) ?? found
  }
  return found
}

/** The code that Node and libraries put on errors, such as `ENOSPC`. */
function codeOf(error: Error): string | null {
  const code = 'code' in error ? error.code : null
  return typeof code === 'string' && systemCode.test(code) ? code : null
}

/** The same error with more details, for the layer that knows the upstream or the provider. */
export function withDetails(error: CodedError, details: ErrorDetails): CodedError {
  const { code, ...known } = error.extensions
  return new CodedError(code, error.message, { ...known, ...details }, { cause: error })
}

/** Shorthand for the caller's mistakes: `message` names the argument and says what was expected. */
export function badUserInput(message: string): CodedError {
  return new CodedError('BAD_USER_INPUT', message)
}
