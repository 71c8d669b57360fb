/** A server that requires a proof of the gateway, and requests signed by an independent implementation. */
import { hash, randomUUID } from 'node:crypto'
import { createSigner, httpbis } from 'http-message-signatures'
import type { ClerkServer } from '../servers/clerk.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'
import type { Answer, TestServer, TestServerOptions } from '../kit/server.ts'

const SECRET = 'invented-gateway-secret-0123456789abcdef'
export const KEY = { id: 'router-1', secret: SECRET }
export const TOKEN = 'invented-token-of-user-1'
const BODY = JSON.stringify({
  query: '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }',
})

export interface Proved extends AsyncDisposable {
  readonly server: TestServer
  readonly clerk: ClerkServer
  /** Sends a request, a POST by default, with these headers and the content type only. */
  send(request: Partial<Signed> & { method?: string }): Promise<{ status: number; answer: Answer }>
}

/** Starts a server with one user, one token and this `gateway` part of the configuration. */
export async function startProved(gateway: unknown, { file, services }: TestServerOptions = {}): Promise<Proved> {
  const graph = await startGraphOverClerk({}, { gateway, ...file }, services)
  const { clerk, server } = graph
  clerk.addTokens('user_1', 'oauth_google', [{ token: TOKEN }])
  return {
    server,
    clerk,
    async send({ method = 'POST', headers = {}, body = BODY }) {
      const response = await fetch(`${server.url}/graphql`, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        ...(method === 'GET' ? {} : { body }),
      })
      return { status: response.status, answer: (await response.json()) as Answer }
    },
    [Symbol.asyncDispose]: () => graph[Symbol.asyncDispose](),
  }
}

export interface Signed {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface SignOptions {
  readonly body?: string
  /** The value of the header; null: no header, and it is not covered. */
  readonly authorization?: string | null
  readonly method?: string
  readonly url?: string
  /** `hmac-sha256` with this text, or `ed25519` with this PEM. */
  readonly key?: string
  readonly alg?: 'hmac-sha256' | 'ed25519'
  readonly keyid?: string
  readonly nonce?: string
  /** Milliseconds from now. */
  readonly age?: number
  readonly now?: number
  readonly fields?: readonly string[]
  readonly params?: readonly string[]
  readonly extra?: Readonly<Record<string, string>>
  readonly digest?: 'sha-256' | 'sha-512' | 'md5'
}

/** Signs a request with `http-message-signatures`, as a gateway sends it. */
export async function sign(options: SignOptions = {}): Promise<Signed> {
  const { body = BODY, authorization = null, method = 'POST', url = 'http://127.0.0.1/graphql' } = options
  const { key = SECRET, alg = 'hmac-sha256', keyid = KEY.id, nonce = randomUUID(), age = 0, now = Date.now() } = options
  const { digest = 'sha-256', extra = {} } = options
  const own = authorization === null ? [] : ['authorization']
  const { fields = ['@method', '@path', 'content-digest', ...own], params = ['created', 'nonce', 'keyid', 'alg'] } =
    options
  const { headers } = await httpbis.signMessage(
    {
      key: createSigner(key, alg, keyid),
      fields: [...fields],
      params: [...params],
      paramValues: { created: new Date(now - age), nonce, ...extra },
    },
    {
      method,
      url,
      headers: {
        'content-digest': `${digest}=:${hash(digest.replace('-', ''), body, 'base64')}:`,
        ...(authorization === null ? {} : { authorization }),
      },
    },
  )
  return { headers: headers, body }
}

/** The codes of an answer. */
export function codesOf({ errors = [] }: Answer): readonly string[] {
  return errors.map(({ extensions }) => extensions.code)
}
