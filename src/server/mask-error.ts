/** Which errors callers see: ours as they are, GraphQL's own, and nothing of any other. */
import { GraphQLError } from 'graphql'
import type { GraphQLErrorOptions } from 'graphql'
import { CodedError, errorCodes } from '../errors.ts'
import type { Log } from '../log.ts'

/** Anything that is neither a coded error nor GraphQL's own is a defect: logged, and shown as unexpected. */
export function createMaskError(log: Log): (error: unknown) => GraphQLError {
  return (error) => {
    const cause = rootCause(error)
    if (cause instanceof CodedError) {
      if (cause.code === 'INTERNAL_SERVER_ERROR') log.error({ error: cause }, 'internal error')
      return new GraphQLError(cause.message, { ...placeOf(error), extensions: { ...cause.extensions } })
    }
    if (error instanceof GraphQLError && cause instanceof GraphQLError) return withCode(error)
    log.error({ error: cause }, 'unexpected error')
    return new GraphQLError(errorCodes.INTERNAL_SERVER_ERROR.message, {
      ...placeOf(error),
      extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: false },
    })
  }
}

function rootCause(error: unknown): unknown {
  let cause = error
  while (cause instanceof GraphQLError && cause.originalError != null) cause = cause.originalError
  return cause
}

/** The position in the operation and in the answer; nothing that the error itself brought. */
function placeOf(error: unknown): GraphQLErrorOptions {
  if (!(error instanceof GraphQLError)) return {}
  const { nodes = null, source = null, positions = null, path = null } = error
  return { nodes, source, positions, path }
}

const knownCodes = new Set<unknown>([...Object.keys(errorCodes), 'GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED'])

/**
 * GraphQL's own errors without a code are about the caller's variables, and Yoga's codes of its own (BAD_REQUEST) about
 * the caller's request: both are the caller's to correct. `http` is Yoga's, for the status, and never shown.
 */
function withCode(error: GraphQLError): GraphQLError {
  const { code, http } = error.extensions
  if (knownCodes.has(code)) return error
  return new GraphQLError(error.message, {
    ...placeOf(error),
    extensions: { code: 'BAD_USER_INPUT', ...(http === undefined ? {} : { http }) },
  })
}
