/**
 * The pattern that we recommend for browsers: a backend for the frontend (OAuth 2.0 for Browser-Based Applications,
 * section 6.1). The page holds a session cookie that no script can read, and nothing else. This backend turns the
 * session into a short-lived JWT of that user and passes the operation on, so the graph itself decides what the user
 * may read; a service key, which may read everybody's tokens, is never needed here.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody } from './read-body.ts'
import { createSessions } from './sessions.ts'

export interface BackendOptions {
  /** Where the page is, as `http://127.0.0.1:5173`. */
  readonly origin: string
  /** The graph, as `http://127.0.0.1:4000/graphql`. */
  readonly graph: string
  /** A short-lived JWT of the user, from the identity provider. */
  issueToken(user_id: string): Promise<string>
  /** Whom the sign-in button signs in. A real application redirects to its identity provider instead. */
  readonly signInUser: string
}

/** Answers the backend's own paths; every other one is `next`'s. */
export function createBackend(options: BackendOptions) {
  const { origin, graph, issueToken, signInUser } = options
  const { host } = new URL(origin)
  const sessions = createSessions(() => randomBytes(32).toString('base64url'))

  async function answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    response.setHeader('cache-control', 'no-store')
    if (path === '/session' && request.method === 'POST') {
      response.setHeader('set-cookie', sessions.start(signInUser)).writeHead(204).end()
    } else if (path === '/session' && request.method === 'DELETE') {
      response.setHeader('set-cookie', sessions.end(request.headers.cookie)).writeHead(204).end()
    } else if (path === '/graphql' && request.method === 'POST') {
      await passOn(request, response)
    } else {
      response.writeHead(404).end()
    }
  }

  async function passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const user = sessions.user(request.headers.cookie)
    const body = await readBody(request)
    const answered = await fetch(graph, {
      method: 'POST',
      headers: {
        'content-type': request.headers['content-type'] ?? '',
        accept: request.headers.accept ?? 'application/json',
        ...(user === null ? {} : { authorization: `Bearer ${await issueToken(user)}` }),
      },
      body,
    })
    response.writeHead(answered.status, { 'content-type': answered.headers.get('content-type') ?? 'text/plain' })
    response.end(Buffer.from(await answered.arrayBuffer()))
  }

  return (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    // Another name that resolves to this machine is another origin (DNS rebinding).
    if (request.headers.host !== host) return void response.writeHead(403).end(`This page is at ${origin} alone.`)
    const { pathname } = new URL(request.url ?? '/', origin)
    if (!['/session', '/graphql'].includes(pathname)) {
      next()
      return
    }
    // A SameSite cookie still comes along from another port of the same host. The Origin does not lie, and browsers
    // send it with everything but a plain GET, which changes nothing and answers nothing secret here.
    if (request.method !== 'GET' && request.headers.origin !== origin) return void response.writeHead(403).end()
    answer(request, response, pathname).catch(() => {
      if (!response.headersSent) response.writeHead(502)
      response.end()
    })
  }
}
