/** Which errors callers see: ours as they are, GraphQL's own, and nothing of any other. */
import { isAsyncIterable } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import { GraphQLError } from 'graphql'
import type { ExecutionResult, GraphQLErrorOptions } from 'graphql'
import { CodedError, errorCodes } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Log } from '../../log.ts'

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

/**
 * How many errors an answer carries, and how long their messages are: an answer must not grow with the mistakes in it.
 * The errors of the parser and the validator are few already; those of the execution are cut before they are masked,
 * which costs more than making them.
 */

/** Characters. GraphQL's own messages quote the operation, whose names can be as long as a request. */
const MAX_MESSAGE_LENGTH = 300

export function useErrorLimit(max: number): Plugin {
  return {
    onExecute: () => ({
      onExecuteDone({ result, setResult }) {
        if (isAsyncIterable(result)) return
        const { errors = [] } = result as ExecutionResult
        const leftOut = errors.slice(max)
        if (leftOut[0] !== undefined)
          setResult({ ...result, errors: [...errors.slice(0, max), sumUp(leftOut.length, leftOut[0])] })
      },
    }),
    onExecutionResult({ result, setResult }) {
      if (result === undefined || isAsyncIterable(result) || result.errors === undefined) return
      setResult({ ...result, errors: result.errors.map(shorten) })
    },
  }
}

/** The code of the others is most often the code of the first; one without a code that is not GraphQL's is a defect. */
function sumUp(count: number, first: GraphQLError): GraphQLError {
  const isDefect = first.originalError !== undefined && !(first.originalError instanceof GraphQLError)
  const fallback: ErrorCode = isDefect ? 'INTERNAL_SERVER_ERROR' : 'BAD_USER_INPUT'
  const { code = fallback } = first.extensions
  return new GraphQLError(`Further errors were left out: ${String(count)}.`, { extensions: { code } })
}

function shorten(error: GraphQLError): GraphQLError {
  if (error.message.length <= MAX_MESSAGE_LENGTH) return error
  return replaceMessage(error, `${error.message.slice(0, MAX_MESSAGE_LENGTH - 1)}…`)
}

/** The same error, in its place and with its extensions, with another message. */

export function replaceMessage(error: GraphQLError, message: string): GraphQLError {
  const { nodes = null, source = null, positions = null, path = null, extensions } = error
  return new GraphQLError(message, { nodes, source, positions, path, extensions })
}
