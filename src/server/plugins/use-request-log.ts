/** One line for each request, without variables, results or addresses. */
import type { Plugin } from 'graphql-yoga'
import type { Log } from '../../log.ts'
import type { RequestState } from '../context.ts'

export function useRequestLog(log: Log): Plugin<object, RequestState> {
  return {
    onRequest({ serverContext }) {
      serverContext.started_at = performance.now()
    },
    onParse({ context }) {
      const { params } = context as unknown as { params?: { operationName?: string | null } }
      const state = context as unknown as RequestState
      if (params?.operationName != null) state.operation_name = params.operationName.slice(0, 64)
    },
    onExecute({ context }) {
      log.debug({ request_id: (context as unknown as RequestState).request_id }, 'execute')
    },
    onResponse({ request, response, serverContext }) {
      const { gateway, viewer, request_id, operation_name, document_id, started_at = performance.now() } = serverContext
      log.info(
        {
          request_id,
          method: request.method,
          status: response.status,
          gateway,
          viewer: viewer?.kind,
          service: viewer?.kind === 'service' ? viewer.id : undefined,
          operation_name,
          document_id,
          duration_ms: Math.round(performance.now() - started_at),
        },
        'request',
      )
    },
  }
}
