/** The time that one request may take: what the operator allows, or less where the caller asks for less (TRUST R9). */
import type { Plugin } from 'graphql-yoga'
import { refuse } from '../answer.ts'
import type { RequestState } from '../context.ts'
import { startDeadline } from '../deadline.ts'

/** Whole milliseconds. */
const HEADER = 'x-request-timeout-ms'
const wholeMilliseconds = /^[1-9]\d{0,8}$/

export function useDeadline(request_timeout_ms: number): Plugin<object, RequestState> {
  return {
    onRequest({ request, serverContext, endResponse }) {
      const asked = request.headers.get(HEADER)
      if (asked !== null && !wholeMilliseconds.test(asked)) {
        const message = `The header ${HEADER} must be a whole number of milliseconds.`
        endResponse(refuse({ status: 400, code: 'BAD_USER_INPUT', message }))
        return
      }
      const began = serverContext.started_at ?? performance.now()
      const allowed = Math.min(asked === null ? Infinity : Number(asked), request_timeout_ms)
      serverContext.deadline = startDeadline(began + allowed, request.signal)
    },
    onResponse({ serverContext }) {
      serverContext.deadline?.stop()
    },
  }
}
