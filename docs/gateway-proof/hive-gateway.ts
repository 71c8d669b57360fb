/** Hive Gateway: a plugin that signs what goes to tokengraph, once equal requests are merged and headers are set. */
import type { GatewayPlugin } from '@graphql-hive/gateway-runtime'
import { signRequest } from './sign-request.ts'

/** For `plugins` of the gateway's configuration. */
export function useSignedRequests(key: { readonly id: string; readonly secret: string }): GatewayPlugin {
  return {
    onFetch({ url, options, setOptions, executionRequest }) {
      if (executionRequest?.subgraphName !== 'tokengraph') return
      const { body, headers = {} } = options
      if (typeof body !== 'string') throw new TypeError('only a text can be signed')
      setOptions({ ...options, headers: { ...headers, ...signRequest({ url, headers, body }, key) } })
    },
  }
}
