/** Gives every request an id: the gateway's, when it sent a plain one, so that logs of both can be joined. */
import { randomUUID } from 'node:crypto'
import type { Plugin } from 'graphql-yoga'
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
