/** The errors that callers see: coded errors as they are, GraphQL's own, and nothing of any other error. */
import { isAsyncIterable } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import { GraphQLError } from 'graphql'
import type { ExecutionResult, GraphQLErrorOptions } from 'graphql'
import { CodedError, errorCodes, knownErrorCodes } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import { shorten } from '../../lib/text.ts'
import type { Log } from '../../log.ts'
import { rootCause } from '../observability/reasons.ts'

/**
 * An error that is neither coded nor GraphQL's own is a defect: it is shown as unexpected, and logged unless `isLogged`
 * says that it was, with the ids of its request.
 */
export function createMaskError(log: Log, isLogged: (error: unknown) => boolean): (error: unknown) => GraphQLError {
  return (error) => {
    const cause = rootCause(error)
    if (cause instanceof CodedError) {
      if (cause.code === 'INTERNAL_SERVER_ERROR' && !isLogged(cause)) log.error({ error: cause }, 'internal error')
      return new GraphQLError(cause.message, { ...placeOf(error), extensions: { ...cause.extensions } })
    }
    if (error instanceof GraphQLError && cause instanceof GraphQLError) return withCode(error)
    if (!isLogged(cause)) log.error({ error: cause }, 'unexpected error')
    return new GraphQLError(errorCodes.INTERNAL_SERVER_ERROR.message, {
      ...placeOf(error),
      extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: false },
    })
  }
}

/** The position in the operation and in the answer, without anything of the error itself. */
function placeOf(error: unknown): GraphQLErrorOptions {
  if (!(error instanceof GraphQLError)) return {}
  const { nodes = null, source = null, positions = null, path = null } = error
  return { nodes, source, positions, path }
}

/**
 * GraphQL's own errors without a code concern the caller's variables, and Yoga's codes (BAD_REQUEST) the caller's
 * request: the caller can correct both. Yoga reads the status from `http` and does not show it.
 */
function withCode(error: GraphQLError): GraphQLError {
  const { code, http } = error.extensions
  if (knownErrorCodes.has(code)) return error
  return new GraphQLError(error.message, {
    ...placeOf(error),
    extensions: { code: 'BAD_USER_INPUT', ...(http === undefined ? {} : { http }) },
  })
}

/** Characters. GraphQL's own messages quote the operation, whose names can be as long as a request. */
const MAX_MESSAGE_LENGTH = 300

/**
 * Shortens the messages of an answer. First of the plugins that look at messages: whatever they do takes a time that is
 * bounded by this length, and not by the size of a request (docs/promises.md S11).
 */
export function useShortMessages(): Plugin {
  return {
    onExecutionResult({ result, setResult }) {
      if (result === undefined || isAsyncIterable(result) || result.errors === undefined) return
      setResult({ ...result, errors: result.errors.map(withShortMessage) })
    },
  }
}

function withShortMessage(error: GraphQLError): GraphQLError {
  if (error.message.length <= MAX_MESSAGE_LENGTH) return error
  return replaceMessage(error, shorten(error.message, MAX_MESSAGE_LENGTH))
}

/**
 * Limits the errors of an answer, so that it does not grow with its mistakes. The parser and the validator report few
 * errors; those of the execution are cut before they are masked, because masking costs more than making them.
 */
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
  }
}

/** Takes the code of the first error left out; one without a code that is not GraphQL's own is a defect. */
function sumUp(count: number, first: GraphQLError): GraphQLError {
  const isDefect = first.originalError !== undefined && !(first.originalError instanceof GraphQLError)
  const fallback: ErrorCode = isDefect ? 'INTERNAL_SERVER_ERROR' : 'BAD_USER_INPUT'
  const { code = fallback } = first.extensions
  return new GraphQLError(`Further errors were left out: ${count}.`, { extensions: { code } })
}

/** The same error, in its place and with its extensions, with another message. */
export function replaceMessage(error: GraphQLError, message: string): GraphQLError {
  const { nodes = null, source = null, positions = null, path = null, extensions } = error
  return new GraphQLError(message, { nodes, source, positions, path, extensions })
}

/** What Yoga makes of the status: with `spec` only where the media type tells it from a transport error. */
export interface OperationErrorHttp {
  readonly spec?: boolean
  readonly status: number
}

/** Refuses an operation as a whole. The message names nothing of the schema. */
export function operationError(message: string, http: OperationErrorHttp | null = null): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', ...(http !== null && { http }) } })
}
