/**
 * A strict token endpoint with a model of its grants: it knows which refresh token of a grant is the current one, what the
 * provider does with an earlier one, and counts what was asked. It misbehaves on purpose, before or after it rotated.
 * `node test/servers/token-server.ts` runs it as a process of its own.
 */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TokenServerOptions {
  readonly rotation: 'never' | 'always'
  /** Seconds for which the earlier refresh token still works; it answers with new tokens. */
  readonly graceSeconds: number | 'unlimited'
  readonly reuse: 'refused' | 'revokes_family' | 'accepted'
  readonly accessSeconds: number
  /** Whether a refresh ends the access token before. */
  readonly killsAccess: boolean
  readonly clientId: string
  readonly clientSecret: string
}

/** What the server does with one request; `rotate-then-…` acts on it and loses the answer. */
export type Behaviour =
  | 'ok'
  | 'rotate-then-500'
  | 'rotate-then-reset'
  | 'rotate-then-hang'
  | 'rotate-then-html'
  | '500'
  | '429'
  | 'html'
  | 'reset'
  | 'hang'
  | 'invalid_client'
  | 'invalid_grant'
  | 'bad-id-token'
  | { readonly delayMs: number }
  /** It rotates, and these members are laid over its answer; undefined leaves one out. */
  | { readonly answer: Readonly<Record<string, unknown>>; readonly as?: 'form' }

interface Grant {
  readonly id: string
  alive: boolean
  current: string
  /** Earlier refresh tokens, and when each was replaced, in milliseconds. */
  readonly earlier: Map<string, number>
  readonly access: Map<string, number>
  posts: number
}

const defaults: TokenServerOptions = {
  rotation: 'always',
  graceSeconds: 0,
  reuse: 'revokes_family',
  accessSeconds: 3600,
  killsAccess: false,
  clientId: 'invented-client',
  clientSecret: 'invented-client-secret',
}

export async function startTokenServer(given: Partial<TokenServerOptions> = {}) {
  const options = { ...defaults, ...given }
  const grants = new Map<string, Grant>()
  const byRefreshToken = new Map<string, Grant>()
  let behave: (post: number) => Behaviour = () => 'ok'
  let secret = options.clientSecret
  let shiftMs = 0
  let posts = 0
  const now = (): number => Date.now() + shiftMs

  function newGrant(): Grant {
    const grant: Grant = { id: randomUUID(), alive: true, current: '', earlier: new Map(), access: new Map(), posts: 0 }
    grants.set(grant.id, grant)
    issue(grant)
    return grant
  }

  function issue(grant: Grant): { readonly access: string; readonly refresh: string } {
    const access = `at-${randomUUID()}`
    const refresh = options.rotation === 'never' && grant.current !== '' ? grant.current : `rt-${randomUUID()}`
    if (grant.current !== '' && refresh !== grant.current) grant.earlier.set(grant.current, now())
    if (options.killsAccess) grant.access.clear()
    grant.current = refresh
    grant.access.set(access, now() + options.accessSeconds * 1000)
    byRefreshToken.set(refresh, grant)
    return { access, refresh }
  }

  /** The tokens for a refresh token, or the error code. */
  function redeem(token: string) {
    const grant = byRefreshToken.get(token)
    if (grant === undefined) return 'invalid_grant'
    grant.posts += 1
    if (!grant.alive) return 'invalid_grant'
    const replacedAt = grant.earlier.get(token)
    if (token === grant.current || replacedAt === undefined) return issue(grant)
    const { graceSeconds: grace } = options
    if (grace === 'unlimited' || now() - replacedAt < grace * 1000) return issue(grant)
    if (options.reuse === 'revokes_family') grant.alive = false
    return 'invalid_grant'
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await bodyOf(request))
    if (request.url === '/control') {
      response.end(JSON.stringify(control(form)))
      return
    }
    posts += 1
    const behaviour = behave(posts)
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    const lose = (how: string): void => {
      if (how === 'reset') request.socket.resetAndDestroy()
      else if (how === '500') send(500, { error: 'server_error' })
      else if (how === 'html') response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>')
      // `hang`: nothing.
    }
    const grantType = form.get('grant_type')
    if (request.method !== 'POST' || request.url !== '/token' || grantType !== 'refresh_token') {
      send(400, { error: 'invalid_request' })
      return
    }
    if (behaviour === 'invalid_client' || !isClient(request, form)) {
      send(401, { error: 'invalid_client' })
      return
    }
    if (behaviour === 'invalid_grant') {
      send(400, { error: 'invalid_grant' })
      return
    }
    if (behaviour === '429') {
      response.setHeader('retry-after', '1')
      send(429, { error: 'slow_down' })
      return
    }
    if (behaviour === '500' || behaviour === 'html' || behaviour === 'reset' || behaviour === 'hang') {
      lose(behaviour)
      return
    }
    const found = redeem(form.get('refresh_token') ?? '')
    if (typeof behaviour === 'object' && 'delayMs' in behaviour) await sleep(behaviour.delayMs)
    if (typeof behaviour === 'string' && behaviour.startsWith('rotate-then-')) {
      lose(behaviour.slice('rotate-then-'.length))
      return
    }
    if (typeof found === 'string') {
      send(400, { error: found })
      return
    }
    const laid = typeof behaviour === 'object' && 'answer' in behaviour ? behaviour : { answer: {} }
    const body: Record<string, unknown> = {
      access_token: found.access,
      token_type: 'Bearer',
      expires_in: options.accessSeconds,
      ...(options.rotation === 'always' && { refresh_token: found.refresh }),
      ...(behaviour === 'bad-id-token' && { id_token: 'e30.e30.' }),
      ...laid.answer,
    }
    if (!('as' in laid)) {
      send(200, body)
      return
    }
    const members = Object.entries(body).flatMap(([name, value]) =>
      typeof value === 'string' || typeof value === 'number' ? [[name, String(value)]] : [],
    )
    response
      .writeHead(200, { 'content-type': 'application/x-www-form-urlencoded' })
      .end(new URLSearchParams(members).toString())
  }

  function isClient(request: IncomingMessage, form: URLSearchParams): boolean {
    // As RFC 6749 section 2.3.1 encodes them.
    const basic = Buffer.from(request.headers.authorization?.replace(/^Basic /, '') ?? '', 'base64').toString()
    const parts = basic.split(':').map((part) => decodeURIComponent(part))
    const isBasic = parts[0] === options.clientId && parts[1] === secret
    return isBasic || (form.get('client_id') === options.clientId && form.get('client_secret') === secret)
  }

  /** For processes: `new` makes a grant, `ask` tells of one. */
  function control(form: URLSearchParams): unknown {
    if (form.get('do') === 'new') return describe(newGrant())
    const grant = grants.get(form.get('grant') ?? '')
    return grant === undefined ? { posts } : describe(grant)
  }

  function describe({ id, alive, current, access, posts: own }: Grant) {
    return { id, alive, refreshToken: current, accessToken: [...access.keys()].at(-1) ?? '', posts: own }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
  await listen(0)
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${String(port)}/token`,
    options,
    get posts() {
      return posts
    },
    newGrant: () => describe(newGrant()),
    grant(id: string) {
      const grant = grants.get(id)
      if (grant === undefined) throw new Error('there is no such grant')
      return describe(grant)
    },
    /** Whether an access token still opens the provider's API. */
    accepts: (access: string): boolean =>
      [...grants.values()].some((grant) => grant.alive && (grant.access.get(access) ?? 0) > now()),
    behave(how: (post: number) => Behaviour) {
      behave = how
    },
    setSecret(value: string) {
      secret = value
    },
    /** Seconds by which the server's clock goes ahead. */
    advance(seconds: number) {
      shiftMs += seconds * 1000
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
    start: () => listen(port),
  }
}

export type TokenServer = Awaited<ReturnType<typeof startTokenServer>>

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}

if (process.argv[1] === import.meta.filename) {
  const server = await startTokenServer(JSON.parse(process.argv[2] ?? '{}') as Partial<TokenServerOptions>)
  process.stdout.write(`${JSON.stringify({ url: server.url })}\n`)
}
