/** `GET /health`: the process is alive. `GET /ready`: it is configured, and not draining. */
import type { Plugin } from 'graphql-yoga'
import { answerJson } from '../answer.ts'

export function useHealth(isReady: () => boolean): Plugin {
  return {
    onRequest({ request, url, endResponse }) {
      if (request.method !== 'GET') return
      if (url.pathname === '/health') endResponse(answerJson(200, { status: 'alive' }))
      if (url.pathname === '/ready')
        endResponse(isReady() ? answerJson(200, { status: 'ready' }) : answerJson(503, { status: 'draining' }))
    },
  }
}
