/** The error tables of Keycloak (upstreams/keycloak.md). */
import { z } from 'zod'
import type { CodedError, ErrorCode } from '../../errors.ts'
import type { HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'

const brokerBody = z.object({ errorMessage: z.string().optional(), error: z.string().optional() })

/**
 * The broker endpoint has statuses and English sentences, and no codes: the status decides, the sentence only tells
 * apart what shares one. null: nothing is connected.
 */
export function brokerError(answer: HttpAnswer, upstream: string): CodedError | null {
  const body = brokerBody.safeParse(answer.json).data
  if (body === undefined) return statusError(answer, { upstream })
  const text = body.errorMessage ?? ''
  const verdict = (code: ErrorCode) => answerError(code, answer, { upstream })
  switch (answer.status) {
    case 400:
      if (/not associated/i.test(text)) return null
      if (/does not support/i.test(text)) return verdict('PROVIDER_NOT_CONFIGURED')
      // Not a 401, although it is the user's session that has ended.
      if (/invalid token/i.test(text)) return verdict('UPSTREAM_REJECTED')
      return statusError(answer, { upstream })
    case 404:
      if (/realm/i.test(body.error ?? text)) return verdict('UPSTREAM_REJECTED')
      if (/token/i.test(text)) return verdict('REAUTHORIZATION_REQUIRED')
      return verdict('PROVIDER_NOT_CONFIGURED')
    case 502:
      // The provider refused the refresh, or could not be reached: Keycloak does not say (and a retry was no better).
      return verdict(/refresh/i.test(text) ? 'REAUTHORIZATION_REQUIRED' : 'UPSTREAM_UNAVAILABLE')
    default:
      return statusError(answer, { upstream })
  }
}

const oauthBody = z.object({ error: z.string() })

const exchangeCodes: ReadonlyMap<string, ErrorCode | null> = new Map([
  ['not_linked', null],
  ['token_expired', 'REAUTHORIZATION_REQUIRED'],
  ['invalid_target', 'PROVIDER_NOT_CONFIGURED'],
  ['invalid_request', 'PROVIDER_NOT_CONFIGURED'],
  ['invalid_token', 'UPSTREAM_REJECTED'],
  ['invalid_client', 'UPSTREAM_REJECTED'],
  ['unauthorized_client', 'UPSTREAM_REJECTED'],
  ['access_denied', 'UPSTREAM_REJECTED'],
])

/** OAuth's `{ error, error_description }`; null: nothing is connected. */
export function exchangeError(answer: HttpAnswer, upstream: string): CodedError | null {
  const code = oauthBody.safeParse(answer.json).data?.error
  const known = code === undefined ? undefined : exchangeCodes.get(code)
  if (known === null) return null
  const facts = { upstream, code }
  return known === undefined ? statusError(answer, facts) : answerError(known, answer, facts)
}
