/** Answers the gateway alone: whatever reaches the graph must carry a proof of it (TRUST S2). */
import type { Plugin } from 'graphql-yoga'
import { CodedError } from '../../errors.ts'
import type { CheckProof } from '../../gateway-proof/proof.ts'
import { refuse } from '../../http/error-response.ts'
import { tooLarge } from '../../http/policy.ts'
import type { Refusal } from '../../http/policy.ts'
import { readBytes } from '../../http/read-bytes.ts'
import type { Log } from '../../log.ts'
import type { RequestState } from '../context.ts'
import { within } from './deadline.ts'

// One sentence for every reason: a forger learns nothing from it. The log has the reason.
const MESSAGE = 'The request carries no valid proof of a gateway.'

export function useGatewayProof(check: CheckProof, body_bytes: number, log: Log): Plugin<object, RequestState> {
  return {
    async onRequest({ request, setRequest, url, serverContext, endResponse, fetchAPI }) {
      const { request_id, deadline } = serverContext
      let bytes: Promise<Buffer<ArrayBuffer> | null> | undefined
      const body = async (): Promise<Buffer<ArrayBuffer>> => {
        const read = await (bytes ??= readBytes(request.body, body_bytes))
        if (read === null) throw new CodedError('BAD_USER_INPUT')
        return read
      }
      try {
        const { method, headers } = request
        const header = (name: string) => headers.get(name)
        const result = await within(deadline, check({ method, path: url.pathname, header, body }))
        if (!result.ok) {
          log.info({ request_id, reason: result.reason }, 'gateway proof refused')
          const headers = { 'www-authenticate': 'Bearer' }
          endResponse(refuse({ status: 401, code: 'UNAUTHENTICATED', message: MESSAGE, headers }))
          return
        }
        serverContext.gateway = result.method
        // A body can be read once; the operation is read out of the very bytes that were checked.
        if (bytes !== undefined)
          setRequest(new fetchAPI.Request(request.url, { method, headers, body: await body(), signal: request.signal }))
      } catch (error) {
        if (!(error instanceof CodedError)) throw error
        log.warn({ request_id, error }, 'gateway proof not checked')
        endResponse(refuse(refusalOf(error, body_bytes)))
      }
    },
  }
}

function refusalOf({ code, message }: CodedError, body_bytes: number): Refusal {
  if (code === 'BAD_USER_INPUT') return tooLarge(body_bytes)
  if (code === 'UPSTREAM_TIMEOUT') return late
  return { status: 503, code, message }
}

/** What is waited for here is the body. */
const late: Refusal = {
  status: 408,
  code: 'BAD_USER_INPUT',
  message: 'The request body did not arrive in time.',
  headers: { connection: 'close' },
}
