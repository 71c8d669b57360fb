/** From an answer that is no success to a `CodedError`: the parts that are the same for every platform. */
import { CodedError, type ErrorCode } from '../errors.ts'
import type { HttpAnswer } from './http.ts'
import { rateLimitMs } from './retry-after.ts'

/** What a platform read out of its answer; `code` and `trace_id` are checked here and dropped when they look odd. */
export interface AnswerFacts {
  readonly upstream: string
  readonly code?: unknown
  readonly trace_id?: unknown
}

const shortCode = /^[a-z0-9_.-]{1,64}$/i
const shortTrace = /^[A-Za-z0-9_-]{1,64}$/

/** The value when it is a short identifier: nothing else of an answer may reach a caller or a log. */
function upstreamCode(value: unknown): string | undefined {
  return typeof value === 'string' && shortCode.test(value) ? value : undefined
}

/** The value when it looks like a trace id. */
export function traceId(value: unknown): string | undefined {
  return typeof value === 'string' && shortTrace.test(value) ? value : undefined
}

/** The error of this code with the status, code and trace id of the answer, and `retry_after_ms` for a rate limit. */
export function answerError(code: ErrorCode, answer: HttpAnswer, facts: AnswerFacts, message?: string): CodedError {
  const upstream_code = upstreamCode(facts.code)
  const trace_id = traceId(facts.trace_id)
  return new CodedError(code, message, {
    upstream: facts.upstream,
    upstream_status: answer.status,
    ...(upstream_code !== undefined && { upstream_code }),
    ...(trace_id !== undefined && { trace_id }),
    ...(code === 'UPSTREAM_RATE_LIMITED' && {
      retry_after_ms: rateLimitMs(answer.header, Date.now()),
    }),
  })
}

/** The error that the HTTP status alone stands for. */
export function statusError(answer: HttpAnswer, facts: AnswerFacts): CodedError {
  return answerError(codeOfStatus(answer.status), answer, facts)
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'UPSTREAM_REJECTED'
  if (status === 429) return 'UPSTREAM_RATE_LIMITED'
  if (status === 408 || status >= 500) return 'UPSTREAM_UNAVAILABLE'
  return 'UPSTREAM_PROTOCOL_ERROR'
}
