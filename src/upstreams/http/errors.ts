/** From an answer that is no success to a `CodedError`: the parts that are the same for every platform. */
import { errors } from 'undici'
import { CodedError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import type { HttpAnswer } from './client.ts'
import { rateLimitMs } from './retry.ts'

/** What a platform read out of its answer; `code` and `trace_id` are checked here and dropped when they look odd. */
export interface AnswerFacts {
  /** @deprecated Put on errors by the source. */
  readonly upstream?: string
  readonly code?: unknown
  readonly trace_id?: unknown
}

const identifierPattern = /^[a-z0-9_.-]{1,64}$/i
const shortTrace = /^[A-Za-z0-9_-]{1,64}$/

/** The value when it is a short identifier: nothing else of an answer may reach a caller or a log. */
function upstreamCode(value: unknown): string | undefined {
  return typeof value === 'string' && identifierPattern.test(value) ? value : undefined
}

/** The value when it looks like a trace id. */
export function traceId(value: unknown): string | undefined {
  return typeof value === 'string' && shortTrace.test(value) ? value : undefined
}

/** The error of this code with the status, code and trace id of the answer, and `retry_after_ms` for a rate limit. */
export function answerError(
  code: ErrorCode,
  answer: HttpAnswer,
  facts: AnswerFacts = {},
  message?: string,
): CodedError {
  const upstream_code = upstreamCode(facts.code)
  const trace_id = traceId(facts.trace_id)
  return new CodedError(code, message, {
    upstream_status: answer.status,
    ...(upstream_code !== undefined && { upstream_code }),
    ...(trace_id !== undefined && { trace_id }),
    ...(code === 'UPSTREAM_RATE_LIMITED' && {
      retry_after_ms: rateLimitMs(answer.header, Date.now()),
    }),
  })
}

/** The error that the HTTP status alone stands for. */
export function statusError(answer: HttpAnswer, facts: AnswerFacts = {}): CodedError {
  return answerError(codeOfStatus(answer.status), answer, facts)
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'UPSTREAM_REJECTED'
  if (status === 429) return 'UPSTREAM_RATE_LIMITED'
  if (status === 408 || status >= 500) return 'UPSTREAM_UNAVAILABLE'
  return 'UPSTREAM_PROTOCOL_ERROR'
}

/** From what undici throws to a `CodedError`. */

const TOO_LARGE = 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
const violations = new Set(['UND_ERR_HEADERS_OVERFLOW', TOO_LARGE])
const NO_HTTP = 'HTTP_PARSER_ERROR'
const identifier = /^[A-Z][A-Z0-9_]{1,63}$/

/**
 * UPSTREAM_PROTOCOL_ERROR for an answer that is no HTTP or too large, UPSTREAM_UNAVAILABLE for a connection that could
 * not be made or broke. The cause keeps the short code alone (`ECONNREFUSED`, `CERT_HAS_EXPIRED`): messages of the
 * originals name the address, and a parser error holds the bytes of the answer.
 */
export function transportError(error: unknown): CodedError {
  const code = shortCode(error)
  return new CodedError(codeOf(code), undefined, {}, { cause: new Error(code) })
}

/** Whether the answer was refused because of its size: fewer keys may fit. */
export function isTooLarge({ cause }: CodedError): boolean {
  return cause instanceof Error && cause.message === TOO_LARGE
}

function codeOf(code: string): ErrorCode {
  return violations.has(code) || code === NO_HTTP ? 'UPSTREAM_PROTOCOL_ERROR' : 'UPSTREAM_UNAVAILABLE'
}

function shortCode(error: unknown): string {
  // Its own code is missing for some violations.
  if (error instanceof errors.HTTPParserError) return NO_HTTP
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && identifier.test(code) ? code : 'UNKNOWN'
}
