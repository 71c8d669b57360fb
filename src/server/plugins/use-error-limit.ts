/** How many errors an answer carries, and how long their messages are: an answer must not grow with the mistakes in it. */
import { GraphQLError } from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import { replaceMessage } from '../replace-message.ts'

/** Characters. GraphQL's own messages quote the operation, whose names can be as long as a request. */
const MAX_MESSAGE_LENGTH = 300

export function useErrorLimit(max: number): Plugin {
  return {
    onExecutionResult({ result, setResult }) {
      if (result === undefined || isAsyncIterable(result) || result.errors === undefined) return
      const shown = result.errors.slice(0, max).map(shorten)
      const leftOut = result.errors.slice(max)
      setResult({ ...result, errors: leftOut[0] === undefined ? shown : [...shown, sumUp(leftOut.length, leftOut[0])] })
    },
  }
}

function shorten(error: GraphQLError): GraphQLError {
  if (error.message.length <= MAX_MESSAGE_LENGTH) return error
  return replaceMessage(error, `${error.message.slice(0, MAX_MESSAGE_LENGTH - 1)}…`)
}

/** The codes of the others are most often the code of the first. */
function sumUp(count: number, first: GraphQLError): GraphQLError {
  const { code } = first.extensions
  return new GraphQLError(`Further errors were left out: ${String(count)}.`, { extensions: { code } })
}
