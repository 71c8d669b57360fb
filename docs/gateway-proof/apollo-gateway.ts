/** Apollo Gateway: a data source that signs. `fetcher` sees the very text that is sent; `willSendRequest` does not. */
import { RemoteGraphQLDataSource } from '@apollo/gateway'
import { signRequest } from './sign-request.ts'

/** For `buildService`, for the subgraph tokengraph alone: the key is between the two. */
export function signedDataSource(url: string, key: { readonly id: string; readonly secret: string }) {
  return new RemoteGraphQLDataSource({
    url,
    willSendRequest({ request, context }) {
      const { authorization } = context as { authorization?: string | null }
      if (authorization) request.http?.headers.set('authorization', authorization)
    },
    fetcher: (url, { body, headers = {} } = {}) => {
      if (typeof body !== 'string') throw new TypeError('only a text can be signed')
      const signed = { ...headers, ...signRequest({ url, headers, body }, key) }
      return fetch(url, { method: 'POST', headers: signed, body })
    },
  })
}
