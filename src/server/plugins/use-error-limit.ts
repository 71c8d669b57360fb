/**
 * How many errors an answer carries, and how long their messages are: an answer must not grow with the mistakes in it.
 * The errors of the parser and the validator are few already; those of the execution are cut before they are masked,
 * which costs more than making them.
 */
import { GraphQLError } from 'graphql'
import type { ExecutionResult } from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import type { ErrorCode } from '../../errors.ts'
import { replaceMessage } from '../replace-message.ts'

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
