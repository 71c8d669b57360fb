/** Turns answers that are no success, and what undici throws, into `CodedError`s: the same for every platform. */
import { z } from 'zod'
import type { ZodError, ZodType } from 'zod'
import { CodedError, Reason } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import { flattenUnions } from '../../lib/issues.ts'
import { unixMs } from '../../lib/time.ts'
import { rateLimitMs } from './resilience.ts'
import type { Blame, HttpAnswer } from './types.ts'
import { errors } from './undici.ts'

/** What a platform read out of its answer. */
export interface AnswerFacts {
  /** The platform's error code. Callers see one of `codes`; any other is kept in the cause of the error, for the log. */
  readonly code?: unknown
  /** The codes that the platform is known to answer with: a `Set`, or a `Map` by code. */
  readonly codes?: { has(code: string): boolean }
  /** Dropped where it does not look like one. */
  readonly traceId?: unknown
  /** For the log alone, in words of ours. */
  readonly reason?: string
}

// Words of a code, none of them as long as a credential: nothing else of an answer may reach a log.
const identifier = /^(?=.{1,64}$)[a-z0-9]{1,24}(?:[_.-][a-z0-9]{1,24})*$/i
const shortTrace = /^[A-Za-z0-9_-]{1,64}$/

/** The value where it looks like a trace id. */
export function asTraceId(value: unknown): string | undefined {
  return typeof value === 'string' && shortTrace.test(value) ? value : undefined
}

/** The error of this code with the status, code and trace id of the answer, and `retry_after_ms` for a rate limit. */
export function answerError(
  code: ErrorCode,
  answer: HttpAnswer,
  { code: platformCode, codes, traceId, reason }: AnswerFacts = {},
  message?: string,
): CodedError {
  const isCode = typeof platformCode === 'string' && identifier.test(platformCode)
  const isKnown = isCode && codes?.has(platformCode) === true
  const trace = asTraceId(traceId)
  const details = {
    upstream_status: answer.status,
    ...(isKnown && { upstream_code: platformCode }),
    ...(trace !== undefined && { trace_id: trace }),
    ...(code === 'UPSTREAM_RATE_LIMITED' && { retry_after_ms: rateLimitMs(answer.header, unixMs()) }),
  }
  const told = reason ?? (isCode && !isKnown ? `upstream code ${platformCode}` : undefined)
  return new CodedError(code, message, details, { ...(told !== undefined && { cause: new Reason(told) }) })
}

/** The error that the HTTP status stands for. */
export function statusError(answer: HttpAnswer, facts: AnswerFacts = {}): CodedError {
  return answerError(codeOfStatus(answer.status), answer, facts)
}

function codeOfStatus(status: number): ErrorCode {
  // 400 and 422: the platform refuses what this server made of the request. Only where it names the user id or the
  // provider is that the caller's mistake, which the platform's own file then says.
  if (status === 400 || status === 401 || status === 403 || status === 422) return 'UPSTREAM_REJECTED'
  if (status === 429) return 'UPSTREAM_RATE_LIMITED'
  if (status === 408 || status >= 500) return 'UPSTREAM_UNAVAILABLE'
  return 'UPSTREAM_PROTOCOL_ERROR'
}

/** What holds where a platform's answer says no more than its status. */
export function blameByStatus({ status }: HttpAnswer): Blame {
  if (status < 300) return 'none'
  return status === 429 || status >= 500 ? 'upstream' : 'key'
}

/** Errors that concern the key that was asked for, whatever the status of the answer. */
const ofTheKey: ReadonlySet<ErrorCode> = new Set([
  'REAUTHORIZATION_REQUIRED',
  'UNSUPPORTED_CREDENTIAL',
  'USER_NOT_FOUND',
  'PROVIDER_NOT_CONFIGURED',
  'BAD_USER_INPUT',
])

/** Whose failure an answer is that stands for this error. */
export function blameFor({ code }: CodedError, answer: HttpAnswer, isOfProvider: boolean): Blame {
  if (ofTheKey.has(code)) return 'key'
  const isTrouble = code === 'UPSTREAM_UNAVAILABLE' || code === 'UPSTREAM_RATE_LIMITED'
  return isTrouble && isOfProvider ? 'provider' : blameByStatus(answer)
}

/** Issues that are described; a list of a thousand rows has the same mistake in each. */
const MAX_ISSUES = 3
/** The names of the fields that a shape declares. */
const declared = new WeakMap<ZodType, ReadonlySet<string>>()

/**
 * Says which fields of an answer are not in their shape, for the log: `data[].token invalid_type`. Names that the shape
 * does not declare are keys of a map, which are values of the platform or of a user: they show as `*`.
 */
export function describeMismatch(shape: ZodType, { issues }: ZodError): string {
  const names = declared.get(shape) ?? namesIn(shape)
  declared.set(shape, names)
  const texts = flattenUnions(issues).map(({ path, code }) => {
    const fields = path.map((part) =>
      typeof part === 'number' ? '[]' : names.has(String(part)) ? `.${String(part)}` : '.*',
    )
    const where = fields.join('').replace(/^\./, '')
    return `${where === '' ? 'the answer' : where} ${code}`
  })
  return [...new Set(texts)].slice(0, MAX_ISSUES).join(', ')
}

function namesIn(shape: ZodType): ReadonlySet<string> {
  const names = new Set<string>()
  const collect = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node)) {
      if (key === 'properties') for (const name of Object.keys(value as object)) names.add(name)
      collect(value)
    }
  }
  collect(z.toJSONSchema(shape, { io: 'input', unrepresentable: 'any' }))
  return names
}

const TOO_LARGE = 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
const NO_HTTP = 'HTTP_PARSER_ERROR'
const violations = new Set(['UND_ERR_HEADERS_OVERFLOW', TOO_LARGE, NO_HTTP])
const errorCode = /^[A-Z][A-Z0-9_]{1,63}$/

/**
 * UPSTREAM_PROTOCOL_ERROR for an answer that is no HTTP or too large, UPSTREAM_UNAVAILABLE for a connection that could
 * not be made or broke. The cause keeps only the short code (`ECONNREFUSED`, `CERT_HAS_EXPIRED`): messages of undici and
 * Node name the address, and a parser error holds the bytes of the answer.
 */
export function transportError(error: unknown): CodedError {
  const code = shortCode(error)
  return new CodedError(
    violations.has(code) ? 'UPSTREAM_PROTOCOL_ERROR' : 'UPSTREAM_UNAVAILABLE',
    undefined,
    {},
    {
      cause: new Reason(code),
    },
  )
}

/** Whether the answer was refused because of its size: fewer keys may fit. */
export function isTooLarge({ cause }: CodedError): boolean {
  return cause instanceof Error && cause.message === TOO_LARGE
}

function shortCode(error: unknown): string {
  // A parser error has no code for some violations.
  if (error instanceof errors.HTTPParserError) return NO_HTTP
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && errorCode.test(code) ? code : 'UNKNOWN'
}
