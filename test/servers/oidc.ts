/**
 * oidc-provider, a certified authorization server, with rotating refresh tokens: a second use of one ends the whole grant,
 * as RFC 9700 section 4.14.2 recommends.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
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
  interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
  interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>
}
interface Interaction {
  readonly prompt: { readonly name: string; readonly details: { readonly missingOIDCScope?: readonly string[] } }
  readonly params: { readonly client_id: string }
  readonly session?: { readonly accountId: string }
}

/** Whoever is at the authorization server consents to everything; without it, grants come from `mint` alone. */
export interface Login {
  accountId: string
  readonly redirectUris: readonly string[]
}

const SCOPE = 'openid offline_access'
const client = { client_id: 'invented-client', client_secret: 'invented-client-secret-0123456789' }

export interface OidcOptions {
  readonly accessSeconds?: number
  readonly login?: Login
  /** RFC 9126: the authorization endpoint takes pushed requests alone. */
  readonly requiresPar?: boolean
}

export async function startOidc({ accessSeconds = 3600, login, requiresPar = false }: OidcOptions = {}) {
  let posts = 0
  const paths: string[] = []
  let handle: RequestListener = () => undefined
  const server = createServer((request, response) => {
    if (request.url === '/token') posts += 1
    paths.push(`${request.method ?? ''} ${(request.url ?? '').replace(/\?.*/, '')}`)
    if (login !== undefined && request.url?.startsWith('/interaction/') === true) void consent(request, response, login)
    else handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const provider = new Provider(issuer, {
    clients: [
      {
        ...client,
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: login?.redirectUris ?? ['https://app.example/callback'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    cookies: { keys: ['invented-cookie-key'] },
    findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    rotateRefreshToken: true,
    ttl: { AccessToken: accessSeconds, RefreshToken: 86_400, Grant: 86_400, IdToken: 3600 },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: requiresPar },
    },
    pkce: { required: () => true },
  }) as unknown as OidcProvider
  handle = provider.callback()

  async function consent(request: IncomingMessage, response: ServerResponse, { accountId }: Login): Promise<void> {
    const { prompt, params, session } = await provider.interactionDetails(request, response)
    if (prompt.name === 'login')
      return provider.interactionFinished(request, response, { login: { accountId, remember: false } })
    const grant = new provider.Grant({ accountId: session?.accountId, clientId: params.client_id })
    grant.addOIDCScope(prompt.details.missingOIDCScope?.join(' ') ?? SCOPE)
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
  }

  return {
    issuer,
    client,
    /** Of every request, in order. */
    paths,
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
