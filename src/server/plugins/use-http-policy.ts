/** Ends every request that the HTTP policy refuses. */
import type { Plugin } from 'graphql-yoga'
import { refuse } from '../answer.ts'
import { refuseRequest } from '../http-policy.ts'

export function useHttpPolicy(mode: 'development' | 'production'): Plugin {
  return {
    onRequest({ request, url, endResponse }) {
      const refusal = refuseRequest({
        method: request.method,
        pathname: url.pathname,
        hostname: hostnameOf(request.headers.get('host') ?? url.host),
        contentType: request.headers.get('content-type'),
        accept: request.headers.get('accept'),
        mode,
      })
      if (refusal !== null) endResponse(refuse(refusal))
    },
  }
}

function hostnameOf(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : ''
}
