/** The error table of the FusionAuth API (upstreams/fusionauth.md, "Errors"). */
import { z } from 'zod'
import type { CodedError } from '../../errors.ts'
import type { HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'

const aboutUser = z.object({ fieldErrors: z.object({ userId: z.array(z.unknown()) }) })

/** The error of an answer that is no success. */
export function fusionauthError(answer: HttpAnswer, upstream: string): CodedError {
  if (answer.status !== 400) return statusError(answer, { upstream })
  // Every other field is ours: the tenant, for one.
  return aboutUser.safeParse(answer.json).success
    ? answerError('BAD_USER_INPUT', answer, { upstream }, 'The platform does not accept the user id.')
    : answerError('UPSTREAM_REJECTED', answer, { upstream })
}

/** A success whose body is not what FusionAuth documents. */
export function shapeError(answer: HttpAnswer, upstream: string): CodedError {
  return answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
}
