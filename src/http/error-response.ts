/** The responses that end a request before GraphQL runs; their body has the shape of a GraphQL response with errors. */
import type { ErrorCode, ErrorDetails } from '../errors.ts'
import { refusalType } from './accept.ts'
import type { HttpResponse } from './message.ts'

/** Why a request is not answered, and with what status. */
export interface Refusal {
  readonly status: number
  readonly code: ErrorCode
  /** Shown to the caller. */
  readonly message: string
  /** Those of this refusal, beside the headers of every response. */
  readonly headers?: Readonly<Record<string, string>>
  /** Further members of `extensions`. */
  readonly details?: ErrorDetails
}

/** Thrown by a step of the pipeline that ends the request with this refusal. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  /** For the log. */
  readonly code: ErrorCode
  readonly refusal: Refusal

  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(refusal.message, options)
    this.code = refusal.code
    this.refusal = refusal
  }
}

/** `accept` is the header of the request. */
export function errorResponse(
  { status, code, message, headers = {}, details = {} }: Refusal,
  accept: string | null,
): HttpResponse {
  const body = { errors: [{ message, extensions: { code, ...details } }] }
  return jsonResponse(status, body, { 'content-type': refusalType(accept), ...headers })
}

/** The caller went away, or sent less than it announced. */
export const endedEarly = {
  status: 400,
  code: 'BAD_USER_INPUT',
  message: 'The request body ended early.',
  headers: { connection: 'close' },
} as const satisfies Refusal

export function jsonResponse(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  }
}
