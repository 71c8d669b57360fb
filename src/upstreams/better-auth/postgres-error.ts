/** From what the package `pg` throws to a `CodedError`. */
import { CodedError, type ErrorCode } from '../../errors.ts'

// https://www.postgresql.org/docs/current/errcodes-appendix.html, by class unless the whole code is named.
const codes: Readonly<Record<string, ErrorCode>> = {
  '28': 'UPSTREAM_REJECTED', // the user or the password
  '3D': 'UPSTREAM_REJECTED', // no such database
  '3F': 'UPSTREAM_REJECTED', // no such schema
  '42': 'UPSTREAM_REJECTED', // no such table or column, a type that does not fit, no permission
  '57014': 'UPSTREAM_TIMEOUT', // statement_timeout
}

const sqlState = /^[0-9A-Z]{5}$/
const systemCode = /^[A-Z][A-Z0-9_]{1,63}$/

/**
 * By the SQLSTATE; UPSTREAM_UNAVAILABLE for every other one and for a connection that could not be made or broke. The
 * cause keeps the short code alone: messages of the originals show the address, and values out of the statement.
 */
export function postgresError(error: unknown, upstream: string): CodedError {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  const isState = sqlState.test(code)
  const known = isState ? (codes[code] ?? codes[code.slice(0, 2)]) : undefined
  const details = { upstream, ...(isState && { upstream_code: code }) }
  const cause = new Error(systemCode.test(code) || isState ? code : 'UNKNOWN')
  return new CodedError(known ?? 'UPSTREAM_UNAVAILABLE', undefined, details, { cause })
}
