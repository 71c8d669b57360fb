/** From what undici throws to a `CodedError`. */
import { errors } from 'undici'
import { CodedError, type ErrorCode } from '../errors.ts'

const TOO_LARGE = 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
const violations = new Set(['UND_ERR_HEADERS_OVERFLOW', TOO_LARGE])
const NO_HTTP = 'HTTP_PARSER_ERROR'
const identifier = /^[A-Z][A-Z0-9_]{1,63}$/

/**
 * UPSTREAM_PROTOCOL_ERROR for an answer that is no HTTP or too large, UPSTREAM_UNAVAILABLE for a connection that could
 * not be made or broke. The cause keeps the short code alone (`ECONNREFUSED`, `CERT_HAS_EXPIRED`): messages of the
 * originals name the address, and a parser error holds the bytes of the answer.
 */
export function transportError(error: unknown, upstream: string): CodedError {
  const code = shortCode(error)
  return new CodedError(codeOf(code), undefined, { upstream }, { cause: new Error(code) })
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
