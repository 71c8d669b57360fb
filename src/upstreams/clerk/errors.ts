/** The error table of the Clerk Backend API (upstreams/clerk.md section 5). */
import { z } from 'zod'
import type { CodedError, ErrorCode } from '../../errors.ts'
import type { HttpAnswer } from '../http/client.ts'
import { answerError, statusError, traceId } from '../http/errors.ts'

const documented: ReadonlyMap<string, ErrorCode> = new Map([
  ['clerk_key_invalid', 'UPSTREAM_REJECTED'],
  ['authentication_invalid', 'UPSTREAM_REJECTED'],
  ['api_version_invalid', 'UPSTREAM_REJECTED'],
  ['resource_not_found', 'USER_NOT_FOUND'],
  ['oauth_token_provider_not_enabled', 'PROVIDER_NOT_CONFIGURED'],
  ['oauth_unsupported_provider', 'PROVIDER_NOT_CONFIGURED'],
  ['oauth_missing_refresh_token', 'REAUTHORIZATION_REQUIRED'],
  ['external_account_missing_refresh_token', 'REAUTHORIZATION_REQUIRED'],
  ['oauth_missing_access_token', 'REAUTHORIZATION_REQUIRED'],
  ['too_many_requests', 'UPSTREAM_RATE_LIMITED'],
  ['internal_clerk_error', 'UPSTREAM_UNAVAILABLE'],
])

const meta = z
  .object({ provider_error: z.string().optional().catch(undefined) })
  .optional()
  .catch(undefined)
const errorBody = z.object({
  errors: z.array(z.object({ code: z.string(), meta })).min(1),
  meta,
  clerk_trace_id: z.unknown().optional(),
})

/** Clerk's code of an answer that is no success; undefined where the body is not Clerk's. */
export function clerkCode(answer: HttpAnswer): string | undefined {
  return errorBody.safeParse(answer.json).data?.errors[0]?.code
}

/** The error that an answer stands for: by Clerk's code whatever the status, else by the status alone. */
export function clerkError(answer: HttpAnswer, upstream: string): CodedError {
  const body = errorBody.safeParse(answer.json).data
  const first = body?.errors[0]
  const trace_id = traceId(body?.clerk_trace_id) ?? answer.header('cf-ray')
  const facts = { upstream, code: first?.code, trace_id }
  if (first === undefined) return statusError(answer, facts)
  if (first.code === 'oauth_token_retrieval_error')
    return answerError(refreshFailure(first.meta?.provider_error ?? body?.meta?.provider_error ?? ''), answer, facts)
  if (first.code.startsWith('form_'))
    return answerError('BAD_USER_INPUT', answer, facts, 'The platform does not accept the user id or the provider.')
  const code = documented.get(first.code)
  return code === undefined ? statusError(answer, facts) : answerError(code, answer, facts)
}

/** A success whose body is not what Clerk documents. */
export function shapeError(answer: HttpAnswer, upstream: string): CodedError {
  return answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream, trace_id: answer.header('cf-ray') })
}

/**
 * Clerk overloads this code: the provider's own words tell a dead grant from an outage, and the official SDK drops
 * them. Without words the grant counts as dead.
 */
function refreshFailure(providerError: string): ErrorCode {
  if (providerError === '' || /invalid_grant/i.test(providerError)) return 'REAUTHORIZATION_REQUIRED'
  if (/server_error|temporarily_unavailable|\brate/i.test(providerError)) return 'UPSTREAM_UNAVAILABLE'
  return /expired|revoked/i.test(providerError) ? 'REAUTHORIZATION_REQUIRED' : 'UPSTREAM_UNAVAILABLE'
}
