/** Withholds every answer until its decisions are recorded: what cannot be audited does not leave (TRUST S13). */
import { isAsyncIterable } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import { GraphQLError } from 'graphql'
import type { ExecutionResult } from 'graphql'
import type { AuditTrail } from '../../audit/trail.ts'
import { CodedError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { RequestState } from '../context.ts'

export function useAudit(log: Log): Plugin<object, RequestState> {
  return {
    onExecute({ args }) {
      const { audit, request_id } = args.contextValue as Partial<RequestState> & { readonly audit?: AuditTrail }
      return {
        async onExecuteDone({ result, setResult }) {
          try {
            if (audit === undefined || isAsyncIterable(result)) throw new Error('an answer without an audit trail')
            await audit.commit()
          } catch (error) {
            log.error({ request_id, error }, 'an answer was withheld because its audit could not be written')
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
