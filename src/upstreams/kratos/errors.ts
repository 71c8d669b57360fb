/** The error table of Ory Kratos (upstreams/ory-kratos.md, "Errors"). */
import { z } from 'zod'
import type { CodedError } from '../../errors.ts'
import type { HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'

const herodot = z.object({ error: z.object({ id: z.unknown().optional(), request: z.unknown().optional() }) })

/** The error of an answer that is no success. */
export function kratosError(answer: HttpAnswer, upstream: string): CodedError {
  const facts = factsOf(answer, upstream)
  return answer.status === 400
    ? answerError('BAD_USER_INPUT', answer, facts, 'The platform does not accept the user id.')
    : statusError(answer, facts)
}

/** A success whose body is not what Kratos documents. */
export function shapeError(answer: HttpAnswer, upstream: string): CodedError {
  return answerError('UPSTREAM_PROTOCOL_ERROR', answer, factsOf(answer, upstream))
}

function factsOf(answer: HttpAnswer, upstream: string) {
  const error = herodot.safeParse(answer.json).data?.error
  return { upstream, code: error?.id, trace_id: error?.request }
}
