/** The error table of the Nango API (upstreams/nango.md section 4). */
import { z } from 'zod'
import { withDetails, type CodedError, type ErrorCode } from '../../errors.ts'
import type { HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'

/** Milliseconds: Nango does not try a failed refresh again earlier. */
const COOLDOWN_MS = 30_000
/** Milliseconds: `Retry-After` is cut to whole seconds, so that 0 means "in less than one". */
const SHORTEST_WAIT_MS = 1000

const errorBody = z.object({
  error: z.object({ code: z.string(), message: z.string().optional().catch(undefined) }),
})

const documented: ReadonlyMap<string, ErrorCode> = new Map([
  ['invalid_query_params', 'BAD_USER_INPUT'],
  ['invalid_uri_params', 'BAD_USER_INPUT'],
  ['unknown_provider_config', 'PROVIDER_NOT_CONFIGURED'],
  ['invalid_credentials', 'REAUTHORIZATION_REQUIRED'],
  ['server_error', 'UPSTREAM_UNAVAILABLE'],
])

/** Whether the connection is gone. */
export function isNoConnection(answer: HttpAnswer): boolean {
  const code = errorBody.safeParse(answer.json).data?.error.code
  return answer.status === 404 && (code === 'not_found' || code === 'unknown_connection')
}

/** The error of an answer that is no success. */
export function nangoError(answer: HttpAnswer, upstream: string): CodedError {
  const body = errorBody.safeParse(answer.json).data?.error
  const facts = { upstream, code: body?.code }
  if (answer.status === 429) {
    const error = statusError(answer, facts)
    const retry_after_ms = Math.max(error.extensions.retry_after_ms ?? 0, SHORTEST_WAIT_MS)
    return withDetails(error, { retry_after_ms })
  }
  // Every failed refresh has the same code: the status and the words alone say what it was (nango.md section 6).
  if (answer.status === 424 && /backing off/i.test(body?.message ?? ''))
    return withDetails(answerError('UPSTREAM_UNAVAILABLE', answer, facts), { retry_after_ms: COOLDOWN_MS })
  if (answer.status === 424) return answerError('REAUTHORIZATION_REQUIRED', answer, facts)
  const code = answer.status < 500 && answer.status !== 401 ? documented.get(body?.code ?? '') : undefined
  return code === undefined ? statusError(answer, facts) : answerError(code, answer, facts)
}

/** A success whose body is not what Nango documents. */
export function shapeError(answer: HttpAnswer, upstream: string): CodedError {
  return answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
}
