/** Counts every answer and every error in it. */
import type { Plugin } from 'graphql-yoga'
import { errorCodes } from '../../errors.ts'
import type { RequestState } from '../context.ts'
import type { Metrics } from '../metrics.ts'

const known = new Set<unknown>([...Object.keys(errorCodes), 'GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED'])
const byStatus: Readonly<Record<number, string>> = { 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN', 503: 'OVERLOADED' }

export function useMetrics(metrics: Metrics): Plugin<object, RequestState> {
  return {
    onResultProcess({ result }) {
      const results = Array.isArray(result) ? result : [result]
      for (const one of results) {
        if (!('errors' in one)) continue
        for (const { extensions } of one.errors ?? []) {
          metrics.refusal(known.has(extensions.code) ? String(extensions.code) : 'INTERNAL_SERVER_ERROR')
        }
      }
    },
    onResponse({ request, response, serverContext }) {
      const { viewer, started_at = performance.now() } = serverContext
      // What was refused before GraphQL ran has no result to look into.
      if (viewer === undefined && request.method === 'POST' && response.status >= 400)
        metrics.refusal(byStatus[response.status] ?? 'BAD_USER_INPUT')
      metrics.request({
        status: response.status,
        viewer: viewer?.kind ?? 'none',
        duration_ms: performance.now() - started_at,
      })
    },
  }
}
