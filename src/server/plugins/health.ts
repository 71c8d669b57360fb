/** `GET /health`: the process is alive. `GET /ready`: it is configured, and not draining; and how its upstreams are. */
import type { Plugin } from 'graphql-yoga'
import { answerJson } from '../../http/error-response.ts'
import type { UpstreamState } from '../../upstreams/platform.ts'

/** An upstream in trouble does not make the server unready: the others are answered, and a restart would not help. */
export function useHealth(isReady: () => boolean, states: () => Readonly<Record<string, UpstreamState>>): Plugin {
  return {
    onRequest({ request, url, endResponse }) {
      if (request.method !== 'GET') return
      if (url.pathname === '/health') endResponse(answerJson(200, { status: 'alive' }))
      if (url.pathname === '/ready')
        endResponse(
          isReady()
            ? answerJson(200, { status: 'ready', upstreams: states() })
            : answerJson(503, { status: 'draining', upstreams: states() }),
        )
    },
  }
}
