/** The responses that end a request before GraphQL runs; their body has the shape of a GraphQL response with errors. */
import { errorCodes } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { HttpResponse, Refusal } from './message.ts'
import { refusalType, REQUEST_ID_HEADER, requestIdOf } from './policy.ts'

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
  const { retryable } = errorCodes[code]
  const body = { errors: [{ message, extensions: { code, retryable, ...details } }] }
  return jsonResponse(status, body, { 'content-type': refusalType(accept), ...headers })
}

/** The same for a request that nothing else has given an id, with the id in its header and in `extensions`. */
export function namedErrorResponse(refusal: Refusal, header: (name: string) => string | null): HttpResponse {
  const id = requestIdOf(header(REQUEST_ID_HEADER))
  const response = errorResponse({ ...refusal, details: { ...refusal.details, request_id: id } }, header('accept'))
  return { ...response, headers: { ...response.headers, [REQUEST_ID_HEADER]: id } }
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
