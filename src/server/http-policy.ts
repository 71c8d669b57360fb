/**
 * What HTTP requests are answered at all: pure functions that any HTTP adapter can call. One door, POST with JSON,
 * so that no browser form and no link can reach a token (TRUST S5).
 */
import type { ErrorCode } from '../errors.ts'
import { isLoopback } from '../secure-url.ts'

export const GRAPHQL_PATH = '/graphql'

export interface HttpFacts {
  readonly method: string
  readonly pathname: string
  /** The name part of the Host header, without the port. */
  readonly hostname: string
  readonly contentType: string | null
  readonly accept: string | null
  readonly mode: 'development' | 'production'
}

export interface Refusal {
  readonly status: number
  readonly code: ErrorCode
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

/** null: let it through. */
export function refuseRequest(facts: HttpFacts): Refusal | null {
  if (facts.mode === 'development' && !isLoopback(facts.hostname))
    // A page on another name that resolves to this machine must not reach the development key (DNS rebinding).
    return { status: 403, code: 'FORBIDDEN', message: 'Development mode answers to localhost alone.' }
  if (facts.pathname !== GRAPHQL_PATH)
    return { status: 404, code: 'BAD_USER_INPUT', message: `There is nothing here; the graph is at ${GRAPHQL_PATH}.` }
  if (facts.mode === 'development' && asksForPage(facts.method, facts.accept)) return null
  if (facts.method !== 'POST')
    return {
      status: 405,
      code: 'BAD_USER_INPUT',
      message: 'Send the operation with POST and a JSON body.',
      headers: { allow: 'POST' },
    }
  if (!isJson(facts.contentType))
    return {
      status: 415,
      code: 'BAD_USER_INPUT',
      message: 'The Content-Type must be application/json, in UTF-8.',
    }
  return null
}

/** A browser that opens the page of development mode. */
export function asksForPage(method: string, accept: string | null): boolean {
  return method === 'GET' && (accept ?? '').includes('text/html')
}

function isJson(contentType: string | null): boolean {
  const [type, ...parameters] = (contentType ?? '').split(';').map((part) => part.trim().toLowerCase())
  // Another charset would make the body mean something else to us than to whoever checked it (CVE-2026-23897).
  return type === 'application/json' && parameters.every((parameter) => /^charset="?utf-8"?$/.test(parameter))
}

/** On every answer, errors included: what a token was in must not be stored, framed or sniffed (TRUST S6). */
export const responseHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  pragma: 'no-cache',
  vary: 'Authorization',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
}
