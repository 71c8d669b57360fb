/** Ends every request that the HTTP policy refuses, and answers the preflights of listed origins. */
import type { Plugin } from 'graphql-yoga'
import { refuse } from '../../http/error-response.ts'
import { isPreflight, preflightHeaders, refuseRequest } from '../../http/policy.ts'
import type { HttpLimits } from '../../http/policy.ts'
import type { Mode } from '../../mode.ts'

export function useHttpPolicy(mode: Mode, limits: HttpLimits): Plugin {
  return {
    onRequest({ request, url, endResponse }) {
      const { method, headers } = request
      const host = headers.get('host') ?? url.host
      const origin = headers.get('origin')
      const refusal = refuseRequest(
        {
          method,
          pathname: url.pathname,
          host,
          hostname: hostnameOf(host),
          contentType: headers.get('content-type'),
          accept: headers.get('accept'),
          origin,
          contentLength: headers.get('content-length'),
          contentEncoding: headers.get('content-encoding'),
          mode,
        },
        limits,
      )
      if (refusal !== null) endResponse(refuse(refusal))
      else if (isPreflight({ method, origin }, limits.origins))
        endResponse(new Response(null, { status: 204, headers: preflightHeaders }))
    },
  }
}

function hostnameOf(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : ''
}
