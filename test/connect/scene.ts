/** A whole server whose vault connects accounts at a strict provider, an application, and browsers with cookie jars. */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { freePort } from '../kit/free-port.ts'
import { startTestServer } from '../kit/server.ts'
import type { Answer, TestServer } from '../kit/server.ts'
import { startIssuer } from '../servers/jwks.ts'
import { startOAuthProvider } from '../servers/oauth-provider.ts'
import type { OAuthProviderServer } from '../servers/oauth-provider.ts'

export const RETURN_TO = 'http://127.0.0.1:9/settings'
const ring = [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }]

export interface SceneOptions {
  /** Keys of the provider's record, over those of a plain one. */
  readonly provider?: Readonly<Record<string, unknown>>
  /** The whole record, in the place of the plain one. */
  readonly record?: Readonly<Record<string, unknown>>
  readonly client?: Readonly<Record<string, unknown>>
  /** Over those of a plain one; null: the vault connects no accounts. */
  readonly connect?: Readonly<Record<string, unknown>> | null
  /** Left out: a free one. */
  readonly port?: number
  /** Parts of the configuration file. */
  readonly file?: Readonly<Record<string, unknown>>
}

export interface Verifier {
  readonly verifier: string
  readonly challenge: string
}

export function newVerifier(): Verifier {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

export async function openConnectScene(options: SceneOptions = {}) {
  const provider = await startOAuthProvider()
  onTestFinished(() => provider.close())
  return { ...(await openSceneAt(provider, options)), provider }
}

export async function openSceneAt(
  provider: Pick<OAuthProviderServer, 'url' | 'client_id' | 'client_secret' | 'redirect_uris'>,
  { provider: changes = {}, record, client = {}, connect = {}, file = {}, port: chosen }: SceneOptions = {},
) {
  const port = chosen ?? (await freePort())
  const folder = makeFolder()
  const issuer = await startIssuer()
  const publicUrl = `http://127.0.0.1:${String(port)}`
  provider.redirect_uris.add(`${publicUrl}/connect/callback/acme`)
  const plain = {
    authorize_url: `${provider.url}/authorize`,
    token_url: `${provider.url}/token`,
    client_auth: ['post'],
    identity: { from: 'request', url: `${provider.url}/userinfo`, id: 'sub', label: 'email' },
    refresh: { obtained: 'always', rotation: { mode: 'never' } },
  }
  const server = await startTestServer({
    file: {
      listen: { port },
      upstreams: {
        vault: {
          ...{ platform: 'vault', path: join(folder.path, 'vault.sqlite'), keys: ring },
          clients: {
            acme: { client_id: provider.client_id, client_secret: provider.client_secret, scopes: ['read'], ...client },
          },
          providers: { acme: record === undefined ? { ...plain, ...changes } : { ...record, id: undefined } },
          ...(connect !== null && { connect: { public_url: publicUrl, return_to: [RETURN_TO], ...connect } }),
        },
      },
      providers: { default: 'vault' },
      auth: { issuers: [issuer.options()] },
      ...file,
    },
    services: [{ id: 'reader', grants: [{ providers: ['*'], fields: ['*'], users: ['*'] }] }],
  })
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]()
    await issuer[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })
  const bearerOf = (user: string): Promise<string> => issuer.sign({ sub: user })
  return {
    server,
    publicUrl,
    vaultPath: join(folder.path, 'vault.sqlite'),
    bearerOf,
    app: (user: string) => openApp(server, () => bearerOf(user)),
    service: openApp(server, () => Promise.resolve(server.key)),
    reader: openApp(server, () => Promise.resolve(server.keyOf('reader'))),
  }
}

export interface Begun {
  readonly connection_request_id: string
  readonly authorization_url: string
  readonly expires_at: number
}

export interface Finished {
  readonly status: string
  readonly account: { readonly external_account_id: string; readonly label: string | null } | null
  readonly missing_scopes: readonly string[]
  readonly warnings: readonly string[]
  readonly error_code: string | null
}

const startQuery = `mutation Start($input: StartConnectionInput!) {
  start_connection(input: $input) { connection_request_id authorization_url expires_at } }`
const finishQuery = `mutation Finish($input: FinishConnectionInput!) { finish_connection(input: $input) {
  status account { external_account_id provider label provider_user_id } missing_scopes warnings error_code } }`
const disconnectQuery = `mutation Disconnect($input: DisconnectAccountInput!) {
  disconnect_account(input: $input) { provider_revocation effect } }`

/** An application that calls the graph as one caller. */
export function openApp(server: Pick<TestServer, 'ask'>, bearer: () => Promise<string>) {
  const ask = async <Data>(query: string, variables: object): Promise<Answer<Data>> =>
    server.ask<Data>(query, { variables, bearer: await bearer() })
  return {
    ask,
    start: (input: object) =>
      ask<{ start_connection: Begun }>(startQuery, { input: { provider: 'acme', return_to: RETURN_TO, ...input } }),
    finish: (input: object) => ask<{ finish_connection: Finished }>(finishQuery, { input }),
    disconnect: (input: object) =>
      ask<{ disconnect_account: { provider_revocation: string; effect: string } }>(disconnectQuery, {
        input: { provider: 'acme', ...input },
      }),
    status: (id: string) =>
      ask<{ connection_request: { status: string; error_code: string | null } | null }>(
        'query ($id: ID!) { connection_request(id: $id) { status error_code } }',
        { id },
      ),
    tokens: (user: string) =>
      ask<{ user: { oauth_access_tokens: readonly { token: string; external_account_id: string }[] | null } }>(
        `query ($id: ID!) { user(id: $id) { oauth_access_tokens(provider: "acme") { token external_account_id scopes } } }`,
        { id: user },
      ),
  }
}

export type App = ReturnType<typeof openApp>

/** Where a browser is when it stops: the application, or a page. */
export interface Stop {
  readonly url: URL
  readonly status: number
  readonly text: string
}

/** A browser that follows redirects and keeps cookies by origin; it stops at the application. */
export function openBrowser() {
  const jar = new Map<string, Map<string, string>>()
  return {
    jar,
    async go(from: string, stopsAt: (url: URL) => boolean = (url) => url.href.startsWith(RETURN_TO)): Promise<Stop> {
      let url = new URL(from)
      for (let hops = 0; hops < 10; hops++) {
        if (stopsAt(url)) return { url, status: 0, text: '' }
        const own = jar.get(url.origin) ?? new Map<string, string>()
        jar.set(url.origin, own)
        const cookie = [...own].map(([name, value]) => `${name}=${value}`).join('; ')
        const response = await fetch(url, { redirect: 'manual', headers: cookie === '' ? {} : { cookie } })
        for (const line of response.headers.getSetCookie()) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
          if (/max-age=0\b/i.test(line)) own.delete(name)
          else own.set(name, value)
        }
        const text = await response.text()
        const location = response.headers.get('location')
        if (location === null) return { url, status: response.status, text }
        url = new URL(location, url)
      }
      throw new Error('the browser goes in circles')
    },
  }
}

/** What the application takes out of the address that the browser came back to. */
export function returnedTo({ url }: Stop, { verifier }: Verifier) {
  return {
    connection_request_id: url.searchParams.get('connection_request_id') ?? '',
    completion_code: url.searchParams.get('completion_code') ?? '',
    code_verifier: verifier,
  }
}

/** The honest way, from the start to the end. */
export async function connect(app: App, input: object = {}, browser = openBrowser(), finish: object = {}) {
  const proof = newVerifier()
  const begun = await app.start({ code_challenge: proof.challenge, ...input })
  if (begun.errors !== undefined) throw new Error(JSON.stringify(begun.errors))
  const stop = await browser.go(begun.data!.start_connection.authorization_url)
  const finished = await app.finish({ ...returnedTo(stop, proof), ...finish })
  if (finished.errors !== undefined) throw new Error(JSON.stringify(finished.errors))
  return finished.data!.finish_connection
}

export type Scene = Awaited<ReturnType<typeof openSceneAt>>

/** A connection that a user has begun; throws where it is refused. */
export async function begin(scene: Scene, user: string) {
  const proof = newVerifier()
  const { data, errors } = await scene.app(user).start({ code_challenge: proof.challenge })
  if (errors !== undefined) throw new Error(JSON.stringify(errors))
  return { proof, ...data!.start_connection }
}

/** Up to the callback, which is not opened. */
export async function callbackOf(begun: { readonly authorization_url: string }, browser = openBrowser()): Promise<URL> {
  const { url } = await browser.go(begun.authorization_url, ({ pathname }) => pathname.startsWith('/connect/callback'))
  return url
}
