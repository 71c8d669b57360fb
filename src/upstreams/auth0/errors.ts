/** The errors of Auth0's two APIs (upstreams/auth0.md). Their texts name users and connections and go nowhere. */
import { z } from 'zod'
import type { HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'
import type { CodedError, ErrorCode } from '../../errors.ts'

// The names of the error codes are UNVERIFIED: the status decides, and the body proves that it is the API that speaks.
const managementBody = z.object({ statusCode: z.number(), errorCode: z.unknown().optional() })

/** `{ statusCode, error, message, errorCode }` of the Management API. */
export function managementError(answer: HttpAnswer, upstream: string): CodedError {
  const body = managementBody.safeParse(answer.json).data
  const facts = { upstream, code: body?.errorCode }
  if (body === undefined) return statusError(answer, facts)
  if (answer.status === 404) return answerError('USER_NOT_FOUND', answer, facts)
  if (answer.status === 400)
    return answerError('BAD_USER_INPUT', answer, facts, 'The platform does not accept the user id.')
  return statusError(answer, facts)
}

const exchangeBody = z.object({ error: z.string() })

/** null: nothing is connected. The codes come from public integrations; the documentation has the statuses alone. */
const exchangeCodes: ReadonlyMap<string, ErrorCode | null> = new Map([
  ['federated_connection_refresh_token_not_found', null],
  ['federated_connection_refresh_token_flow_failed', 'REAUTHORIZATION_REQUIRED'],
  ['invalid_client', 'UPSTREAM_REJECTED'],
  ['invalid_grant', 'UPSTREAM_REJECTED'],
  ['unauthorized_client', 'UPSTREAM_REJECTED'],
  // The connection is not among the grants of the client; an address outside of its list looks the same.
  ['access_denied', 'PROVIDER_NOT_CONFIGURED'],
  ['too_many_requests', 'UPSTREAM_RATE_LIMITED'],
])

/** OAuth's `{ error, error_description }` of the exchange; null: nothing is connected. Never by the status alone. */
export function exchangeError(answer: HttpAnswer, upstream: string): CodedError | null {
  const code = exchangeBody.safeParse(answer.json).data?.error
  const facts = { upstream, code }
  const known = code === undefined ? undefined : exchangeCodes.get(code)
  if (known === null) return null
  if (known !== undefined) return answerError(known, answer, facts)
  if (code === 'invalid_request')
    return answerError('BAD_USER_INPUT', answer, facts, 'The platform does not accept the user id or the provider.')
  return statusError(answer, facts)
}
