/** Answers every request that needs no GraphQL: health probes, refusals, preflights and the page of development mode. */
import { jsonResponse, RefusedError } from './error-response.ts'
import type { HttpResponse, RequestHead } from './message.ts'
import {
  asksForPage,
  checkConnect,
  checkRequest,
  GRAPHQL_PATH,
  isConnectPath,
  isPreflight,
  isProbe,
  preflightHeaders,
} from './policy.ts'
import type { HttpPolicy } from './policy.ts'

/** What the probes report. */
export interface Probes {
  /** False while the server drains. */
  isReady(): boolean
  /** The port that it listens on; null before it does, and where another server listens for it. */
  port(): number | null
  /** The state of every upstream by its name. */
  states(): Readonly<Record<string, unknown>>
}

/** An HTML page. */
export interface Page {
  /** Its bytes in UTF-8. */
  html(): Promise<Uint8Array<ArrayBuffer>>
}

/** Null for a request that carries an operation. Throws `RefusedError`. */
export type Edge = (request: RequestHead) => HttpResponse | Promise<HttpResponse> | null

/** `page` is served to browsers; null serves none. `connects`: null also for a browser that connects an account. */
export function createEdge(policy: HttpPolicy, probes: Probes, page: Page | null, connects: boolean): Edge {
  return (request) => {
    if (isProbe(request)) return answerProbe(request.path, probes)
    if (page !== null && request.path === '/' && asksForPage(request)) return toPage
    const isConnecting = connects && isConnectPath(request)
    const refusal = isConnecting ? checkConnect(request, policy) : checkRequest(request, policy)
    if (refusal !== null) throw new RefusedError(refusal)
    if (isConnecting) return null
    if (isPreflight(request, policy.cors)) return { status: 204, headers: preflightHeaders(policy.cors), body: null }
    // After the checks, which refuse every host name but this machine's: the page holds the development key.
    return page !== null && asksForPage(request) ? answerPage(page) : null
  }
}

/** What a person opens first. */
const toPage: HttpResponse = { status: 302, headers: { location: GRAPHQL_PATH }, body: null }

/** An upstream that fails does not make the server unready: the others answer, and a restart would not help. */
function answerProbe(path: string, { isReady, port, states }: Probes): HttpResponse {
  if (path === '/health') return jsonResponse(200, { status: 'alive' })
  const facts = { ...(port() !== null && { port: port() }), upstreams: states() }
  return isReady()
    ? jsonResponse(200, { status: 'ready', ...facts })
    : jsonResponse(503, { status: 'draining', ...facts })
}

async function answerPage(page: Page): Promise<HttpResponse> {
  return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: await page.html() }
}
