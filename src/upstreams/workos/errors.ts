/** The error table of WorkOS Pipes (upstreams/workos.md section 4). */
import { z } from 'zod'
import type { CodedError, ErrorCode } from '../../errors.ts'
import type { HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'

const errorBody = z.object({ code: z.string() })

/** The error of an answer that is no success; a 404 is for the caller to explain. */
export function workosError(answer: HttpAnswer, upstream: string): CodedError {
  const code = errorBody.safeParse(answer.json).data?.code
  const facts = { upstream, code, trace_id: answer.header('x-request-id') }
  if (answer.status === 400)
    return answerError('BAD_USER_INPUT', answer, facts, 'The platform does not accept the user id or the provider.')
  if (code === 'auth_method_mismatch') return answerError('UNSUPPORTED_CREDENTIAL', answer, facts)
  return statusError(answer, facts)
}

/** The error that we read out of an answer, whatever its status. */
export function workosVerdict(verdict: ErrorCode, answer: HttpAnswer, upstream: string, code?: unknown): CodedError {
  return answerError(verdict, answer, { upstream, code, trace_id: answer.header('x-request-id') })
}
