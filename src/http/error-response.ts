/** The responses that end a request before GraphQL runs; their body has the shape of a GraphQL response with errors. */
import { randomUUID } from 'node:crypto'
import { errorCodes } from '../errors.ts'
import type { ErrorCode, ErrorDetails } from '../errors.ts'
import { remembering } from '../lib/text.ts'
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
  const { retryable } = errorCodes[code]
  const body = { errors: [{ message, extensions: { code, retryable, ...details } }] }
  return jsonResponse(status, body, { 'content-type': refusalType(accept), ...headers })
}

export const REQUEST_ID_HEADER = 'x-request-id'
const plainId = /^[A-Za-z0-9_.-]{1,64}$/

/** The id of a request. A plain one of the caller is kept, so that its logs and ours can be joined. */
export function requestIdOf(given: string | null): string {
  return given !== null && plainId.test(given) ? given : randomUUID()
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

// The media types of responses, by the `Accept` header (RFC 9110 section 12.5.1, GraphQL over HTTP section 4.3).

/** The media type that tells a GraphQL error from a failure of something between client and server. */
const GRAPHQL_RESPONSE = 'application/graphql-response+json'
const JSON_TYPE = 'application/json'

/** What an operation can be answered as. */
const offered = [JSON_TYPE, GRAPHQL_RESPONSE, 'text/event-stream', 'multipart/mixed']

/**
 * Returns the media ranges of the header under which an operation can be answered, without their parameters, in their
 * order; any type without a header, null where there is none.
 */
export function acceptedTypes(accept: string | null): string | null {
  return accept === null ? '*/*' : acceptedRanges(accept)
}

const acceptedRanges = remembering((accept) => {
  if (accept.trim() === '') return '*/*'
  const ranges = accept
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .filter(([range = '', ...parameters]) => isOffered(range) && !parameters.some(isZeroWeight))
    .map(([range = '']) => range)
  return ranges.length === 0 ? null : ranges.join(', ')
})

/**
 * The media type of an answer that is no stream: of the ranges that allow one, the first that the caller lists. Null
 * where the header allows streams alone, JSON where it allows nothing that is offered.
 */
export function answerType(accept: string | null): string | null {
  return accept === null ? JSON_TYPE : answerTypeOf(accept)
}

const answerTypeOf = remembering((accept) => {
  const types = acceptedRanges(accept)?.split(', ') ?? ['*/*']
  for (const type of types) {
    if (type === GRAPHQL_RESPONSE) return GRAPHQL_RESPONSE
    if (type === JSON_TYPE || type === '*/*' || type === 'application/*') return JSON_TYPE
  }
  return null
})

/** The `Content-Type` of a refusal: that of GraphQL where the caller lists it, and not after JSON. */
function refusalType(accept: string | null): string {
  const types = acceptedTypes(accept)?.split(', ') ?? []
  const first = types.find((type) => type === GRAPHQL_RESPONSE || type === JSON_TYPE)
  return `${first ?? JSON_TYPE}; charset=utf-8`
}

function isOffered(range: string): boolean {
  if (range === '*/*') return true
  return range.endsWith('/*') ? offered.some((type) => type.startsWith(range.slice(0, -1))) : offered.includes(range)
}

function isZeroWeight(parameter: string): boolean {
  return /^q\s*=\s*0(?:\.0*)?$/.test(parameter)
}

/**
 * Whether a `Content-Type` is JSON in UTF-8. Empty parameters are allowed (RFC 9110 section 5.6.6), and `utf8` is a
 * label of UTF-8 (Encoding standard section 4.2). Decoded by another charset the body could differ from what a proxy in
 * front has checked (CVE-2026-23897).
 */
export function isJson(contentType: string | null): boolean {
  return contentType !== null && isJsonType(contentType)
}

const isJsonType = remembering((contentType) => {
  const [type, ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase())
  return type === JSON_TYPE && parameters.every((parameter) => /^(?:charset="?utf-?8"?)?$/.test(parameter))
})
