/** One span for each request of the graph. */
import type { Plugin } from 'graphql-yoga'
import type { RequestState } from '../context.ts'
import type { Tracing } from '../tracing.ts'

export function useTracing(tracing: Tracing): Plugin<object, RequestState> {
  return {
    onRequest({ request, serverContext }) {
      if (request.method === 'POST') serverContext.span = tracing.startRequest(request.headers.get('traceparent'))
    },
    onResponse({ response, serverContext: { span, operation_name } }) {
      span?.end({ status: response.status, operation_name })
    },
  }
}
