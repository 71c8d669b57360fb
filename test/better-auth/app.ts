/** An app that uses better-auth itself: real routes over HTTP, real cookies, a real provider to link accounts at. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { betterAuth } from 'better-auth'
import type { BetterAuthOptions } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import { genericOAuth } from 'better-auth/plugins/generic-oauth'
import type { OAuthProviderServer, ProviderUser } from '../servers/oauth-provider.ts'

export const appSecret = 'invented-better-auth-secret-of-enough-length'

export interface AppUser {
  readonly id: string
  /** Links an account at the provider the way a browser does, and gives what the token endpoint answered. */
  link(providerId: string, user: ProviderUser, scopes?: readonly string[]): Promise<Readonly<Record<string, unknown>>>
  /** Routes of better-auth's, as this user. */
  get(path: string): Promise<unknown>
  post(path: string, body: object): Promise<unknown>
}

export interface App extends AsyncDisposable {
  signUp(email: string): Promise<AppUser>
}

export interface AppOptions {
  readonly database: NonNullable<BetterAuthOptions['database']>
  readonly provider: OAuthProviderServer
  readonly providerIds: readonly string[]
  /** Beside what every test needs. */
  readonly given?: Partial<Omit<BetterAuthOptions, 'database' | 'plugins'>>
}

/** Starts the app over an empty database, whose tables it creates as `better-auth migrate` does. */
export async function startApp({ database, provider, providerIds, given = {} }: AppOptions): Promise<App> {
  let handler: RequestListener = (_request, response) => void response.writeHead(503).end()
  const server = createServer((request, response) => {
    handler(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const baseURL = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const { account, ...rest } = given
  const options = {
    baseURL,
    secret: appSecret,
    database,
    emailAndPassword: { enabled: true },
    logger: { disabled: true },
    telemetry: { enabled: false },
    account: {
      accountLinking: { enabled: true, trustedProviders: [...providerIds], allowDifferentEmails: true },
      ...account,
    },
    ...rest,
    plugins: [
      genericOAuth({
        config: providerIds.map((providerId) => ({
          providerId,
          clientId: provider.client_id,
          clientSecret: provider.client_secret,
          authorizationUrl: `${provider.url}/authorize`,
          tokenUrl: `${provider.url}/token`,
          userInfoUrl: `${provider.url}/userinfo`,
          scopes: ['profile', 'repo'],
        })),
      }),
    ],
  } satisfies BetterAuthOptions
  await (await getMigrations(options)).runMigrations()
  const auth = betterAuth(options)
  const node = toNodeHandler(auth)
  handler = (request, response) => void node(request, response)
  for (const id of providerIds) provider.redirect_uris.add(`${baseURL}/api/auth/callback/${id}`)

  return {
    async signUp(email) {
      const browser = openBrowser(baseURL)
      const body = { email, password: 'invented-password-1', name: 'Invented Person' }
      const { user } = (await browser.json('/api/auth/sign-up/email', body)) as { user: { id: string } }
      return {
        id: user.id,
        async link(providerId, at, scopes) {
          provider.user = at
          const link = { provider: providerId, callbackURL: '/linked', ...(scopes && { scopes }) }
          const { url } = (await browser.json('/api/auth/link-social', link)) as { url: string }
          const landed = await browser.follow(url)
          if (landed !== `${baseURL}/linked`) throw new Error(`the account was not linked: ${landed}`)
          return provider.issued.at(-1)!
        },
        get: (path) => browser.json(path),
        post: (path, body) => browser.json(path, body),
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The part of a browser that the flow needs: cookies of one origin, and redirects taken one by one. */
function openBrowser(origin: string) {
  const cookies = new Map<string, string>()

  async function visit(url: string, method = 'GET', body?: string): Promise<Response> {
    const own = url.startsWith(`${origin}/`)
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = {
      origin,
      ...(own && { cookie }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    const response = await fetch(url, { method, headers, redirect: 'manual', ...(body !== undefined && { body }) })
    for (const line of own ? response.headers.getSetCookie() : []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    return response
  }

  return {
    /** POSTs where there is a body. */
    async json(path: string, body?: object): Promise<unknown> {
      const response = await visit(origin + path, ...(body === undefined ? [] : ['POST', JSON.stringify(body)]))
      if (!response.ok) throw new Error(`${path}: ${String(response.status)} ${await response.text()}`)
      return response.json()
    },
    /** The address after the last redirect. */
    async follow(start: string): Promise<string> {
      let url = start
      for (let hops = 0; hops < 5; hops++) {
        if (url === `${origin}/linked`) return url
        const response = await visit(url)
        const location = response.headers.get('location')
        if (location === null) return `${url} answered ${String(response.status)} ${await response.text()}`
        url = new URL(location, url).href
      }
      return url
    },
  }
}
