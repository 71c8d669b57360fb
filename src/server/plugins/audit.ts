/** Withholds every answer until its decisions are recorded; without a record it is not sent (docs/promises.md S13). */
import { isAsyncIterable } from 'graphql-yoga'
import { GraphQLError } from 'graphql'
import type { ExecutionResult } from 'graphql'
import { CodedError, Reason, reasonOf } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { GraphPlugin } from '../context.ts'

export function useAudit(log: Log): GraphPlugin {
  return {
    onExecute({ args }) {
      const { audit, state } = args.contextValue
      return {
        async onExecuteDone({ result, setResult }) {
          try {
            // A stream would be sent before its later decisions are recorded.
            if (isAsyncIterable(result)) throw new Reason('the answer is a stream')
            await audit.commit()
          } catch (error) {
            const { id, traceId } = state
            const reason = reasonOf(error) ?? undefined
            log.error(
              { request_id: id, trace_id: traceId ?? undefined, reason, error },
              'an answer was withheld because its audit could not be written',
            )
            setResult(withheld())
          }
        },
      }
    },
  }
}

function withheld(): ExecutionResult {
  const error = new CodedError('INTERNAL_SERVER_ERROR', 'The answer was withheld: it could not be recorded.', {
    retryable: true,
  })
  return { data: null, errors: [new GraphQLError(error.message, { extensions: { ...error.extensions } })] }
}
