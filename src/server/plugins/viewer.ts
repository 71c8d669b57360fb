/** Finds out who asks. A credential that is presented and does not hold ends the request; there is no falling back. */
import type { Plugin } from 'graphql-yoga'
import type { Viewer } from '../../auth/viewer.ts'
import { CodedError } from '../../errors.ts'
import { refuse } from '../../http/error-response.ts'
import type { Log } from '../../log.ts'
import type { RequestState } from '../context.ts'
import { within } from './deadline.ts'

export function useViewer(
  identify: (authorization: string | null) => Promise<Viewer>,
  log: Log,
): Plugin<object, RequestState> {
  return {
    async onRequest({ request, serverContext, endResponse }) {
      try {
        serverContext.viewer = await within(serverContext.deadline, identify(request.headers.get('authorization')))
      } catch (error) {
        if (!(error instanceof CodedError)) throw error
        log.info({ request_id: serverContext.request_id, error }, 'credential refused')
        const { code, message } = error
        endResponse(
          code === 'UNAUTHENTICATED'
            ? refuse({ status: 401, code, message, headers: { 'www-authenticate': 'Bearer' } })
            : refuse({ status: 503, code, message }),
        )
      }
    },
  }
}
