/**
 * Keeps a defect in a plugin inside the one request. Yoga masks what throws while an operation runs; what throws in a
 * hook around it would reach the adapter, which answers with the stack.
 */
import type { Plugin } from 'graphql-yoga'
import { errorCodes } from '../../errors.ts'
import { refuse } from '../../http/error-response.ts'
import { responseHeaders } from '../../http/policy.ts'
import type { Log } from '../../log.ts'
import type { RequestState } from '../context.ts'

type Hooks = Plugin<object, RequestState>

/** The same plugins; a hook on the request or the response that throws answers INTERNAL_SERVER_ERROR, and is logged. */
export function containFailures(log: Log, plugins: readonly Hooks[]): Hooks[] {
  const answer = (error: unknown, { request_id }: RequestState): Response => {
    log.error({ request_id, error }, 'unexpected error')
    const { message } = errorCodes.INTERNAL_SERVER_ERROR
    return refuse({ status: 500, code: 'INTERNAL_SERVER_ERROR', message, headers: responseHeaders })
  }
  return plugins.map((plugin) => {
    const { onRequest, onResponse } = plugin
    return {
      ...plugin,
      ...(onRequest && {
        onRequest: (payload) =>
          settle(
            () => onRequest(payload),
            (error) => {
              payload.endResponse(answer(error, payload.serverContext))
            },
          ),
      }),
      ...(onResponse && {
        onResponse: (payload) =>
          settle(
            () => onResponse(payload),
            (error) => {
              payload.setResponse(answer(error, payload.serverContext))
            },
          ),
      }),
    } satisfies Hooks
  })
}

/** Stays synchronous where the hook is. */
function settle(run: () => Promise<void> | void, onError: (error: unknown) => void): Promise<void> | void {
  try {
    const running = run()
    return running instanceof Promise ? running.catch(onError) : running
  } catch (error) {
    onError(error)
  }
}
