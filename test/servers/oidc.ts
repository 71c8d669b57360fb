/**
 * oidc-provider, a certified authorization server, with rotating refresh tokens: a second use of one ends the whole grant,
 * as RFC 9700 section 4.14.2 recommends.
 */
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'

/** The part of oidc-provider, which has no types of its own, that is used here. */
interface Model {
  save(): Promise<string>
  addOIDCScope(scope: string): void
}
interface OidcProvider {
  readonly Client: { find(id: string): Promise<object> }
  readonly Grant: new (fields: object) => Model
  readonly RefreshToken: new (fields: object) => Model
  callback(): RequestListener
}

const SCOPE = 'openid offline_access'
const client = { client_id: 'invented-client', client_secret: 'invented-client-secret-0123456789' }

export async function startOidc({ accessSeconds = 3600 } = {}) {
  let posts = 0
  let handle: RequestListener = () => undefined
  const server = createServer((request, response) => {
    if (request.url === '/token') posts += 1
    handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const provider = new Provider(issuer, {
    clients: [
      {
        ...client,
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['https://app.example/callback'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    cookies: { keys: ['invented-cookie-key'] },
    findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    rotateRefreshToken: true,
    ttl: { AccessToken: accessSeconds, RefreshToken: 86_400, Grant: 86_400, IdToken: 3600 },
    features: { devInteractions: { enabled: false } },
  }) as unknown as OidcProvider
  handle = provider.callback()
  return {
    issuer,
    client,
    get posts() {
      return posts
    },
    /** A refresh token, as a user's consent would have brought it. */
    async mint(accountId: string): Promise<string> {
      const grant = new provider.Grant({ accountId, clientId: client.client_id })
      grant.addOIDCScope(SCOPE)
      const grantId = await grant.save()
      const fields = {
        accountId,
        grantId,
        scope: SCOPE,
        gty: 'authorization_code',
        client: await provider.Client.find(client.client_id),
      }
      return new provider.RefreshToken(fields).save()
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

export type Oidc = Awaited<ReturnType<typeof startOidc>>
