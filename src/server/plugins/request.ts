/** Gives every request an id: the gateway's, when it sent a plain one, so that logs of both can be joined. */
import { randomUUID } from 'node:crypto'
import type { Plugin } from 'graphql-yoga'
import { corsHeaders, responseHeaders } from '../../http/policy.ts'
import type { Log } from '../../log.ts'
import type { RequestState } from '../context.ts'

const HEADER = 'x-request-id'

export function useRequestId(): Plugin<object, RequestState> {
  return {
    onRequest({ request, serverContext }) {
      const given = request.headers.get(HEADER)
      serverContext.request_id = given !== null && /^[A-Za-z0-9_.-]{1,64}$/.test(given) ? given : randomUUID()
    },
    onResponse({ response, serverContext }) {
      if (serverContext.request_id !== undefined) response.headers.set(HEADER, serverContext.request_id)
    },
  }
}

/** One line for each request, without variables, results or addresses. */

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

/** Puts the constant headers on every answer, and what a browser wants to know of a listed origin. */

export function useResponseHeaders(origins: readonly string[]): Plugin {
  return {
    onResponse({ request, response }) {
      const headers = { ...responseHeaders, ...corsHeaders(request.headers.get('origin'), origins) }
      for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
    },
  }
}
