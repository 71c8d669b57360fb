/**
 * The two routes that browsers take while an account is being connected (docs/connect.md): the start, and the callback of
 * each client. They answer with a redirect, or with a page that says why there is none; neither holds a token or a code.
 */
import { createHash } from 'node:crypto'
import { CodedError, reasonOf } from '../errors.ts'
import type { HttpRequest, HttpResponse } from '../http/message.ts'
import type { Log } from '../log.ts'
import type { BrowserStep, Connector } from '../tokens/keeper.ts'
import type { TokenSource } from '../tokens/source.ts'

export type ConnectRoutes = (request: Pick<HttpRequest, 'path' | 'query' | 'header'>) => Promise<HttpResponse>

type Problem = Extract<BrowserStep, { kind: 'page' }>['problem']

const startPath = /^\/connect\/([A-Za-z0-9_-]{43})$/
const callbackPath = /^\/connect\/callback\/([a-z0-9][a-z0-9_.-]{0,63})$/
/** Characters. The longest real one has a code and an ID of two kilobytes. */
const MAX_QUERY = 12_288

/** Null: no upstream connects accounts. */
export function createConnectRoutes({ keepers }: Pick<TokenSource, 'keepers'>, log: Log): ConnectRoutes | null {
  const connectors = keepers.flatMap(({ keeper: { connector } }) => (connector === null ? [] : [connector]))
  if (connectors.length === 0) return null

  async function first(ask: (connector: Connector) => Promise<BrowserStep | null>): Promise<BrowserStep> {
    for (const connector of connectors) {
      const step = await ask(connector)
      if (step !== null && !(step.kind === 'page' && step.problem === 'unknown')) return step
    }
    return { kind: 'page', problem: 'unknown' }
  }

  function stepOf({ path, query, header }: Parameters<ConnectRoutes>[0]): Promise<BrowserStep> {
    const cookieOf = readCookies(header('cookie') ?? '')
    const [, id] = startPath.exec(path) ?? []
    if (id !== undefined) return first((connector) => connector.open(id, cookieOf))
    const [, client] = callbackPath.exec(path) ?? []
    if (client === undefined || query.length > MAX_QUERY) return Promise.resolve({ kind: 'page', problem: 'unknown' })
    const parameters = new URLSearchParams(query)
    return first((connector) => connector.callback(client, parameters, cookieOf))
  }

  return async (request) => {
    try {
      return toResponse(await stepOf(request))
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      log.warn({ code: error.code, reason: reasonOf(error) ?? undefined }, 'a connection could not go on')
      return pageOf('unavailable')
    }
  }
}

/** Reads a cookie by its name (RFC 6265 section 5.4); of several with one name, the first. */
function readCookies(header: string): (name: string) => string | null {
  const pairs = header.split(';').map((pair) => pair.trim())
  return (name) => pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? null
}

function toResponse(step: BrowserStep): HttpResponse {
  if (step.kind === 'page') return pageOf(step.problem)
  const { url, cookie } = step
  const headers = { location: url, 'content-security-policy': "default-src 'none'; frame-ancestors 'none'" }
  if (cookie === null) return { status: 303, headers, body: null }
  const { name, value, maxAgeSeconds } = cookie
  // Lax: the callback is a navigation from another site. Loopback is as good as https for browsers (Secure Contexts).
  const secure = name.startsWith('__Host-') ? '; Secure' : ''
  const set = `${name}=${value}; Path=/; Max-Age=${String(maxAgeSeconds)}; HttpOnly; SameSite=Lax${secure}`
  return { status: 303, headers: { ...headers, 'set-cookie': set }, body: null }
}

interface Words {
  readonly status: number
  readonly title: string
  readonly text: string
}

const again = 'Go back to the application and connect the account again.'

const words: Readonly<Record<Problem, Words>> = {
  unknown: {
    status: 404,
    title: 'This link leads nowhere',
    text: `It is not complete, or it was used a while ago. ${again}`,
  },
  over: {
    status: 410,
    title: 'This connection has ended',
    text: `It was completed, or it took longer than ten minutes. ${again}`,
  },
  other_browser: {
    status: 403,
    title: 'This was begun in another browser',
    text: `For your safety an account is connected in the browser in which it was begun. Nothing was connected. ${again}`,
  },
  unavailable: {
    status: 503,
    title: 'The provider cannot be reached',
    text: 'Nothing was connected. Reload this page in a moment, or go back to the application.',
  },
}

const style = `:root{color-scheme:light dark;--ground:#fff;--ink:#1b1b1f}@media (prefers-color-scheme:dark){:root{--ground:#1b1b1f;--ink:#e6e6ea}}body{background:var(--ground);color:var(--ink);margin:0;min-height:100vh;display:grid;place-items:center;font:1rem/1.5 system-ui,sans-serif}main{max-width:32rem;padding:1.5rem}h1{font-size:1.375rem;line-height:1.25;margin:0 0 .75rem}p{margin:0}`

const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

function pageOf(problem: Problem): HttpResponse {
  const { status, title, text } = words[problem]
  const body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${style}</style></head><body><main><h1>${title}</h1><p>${text}</p></main></body></html>`
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy },
    body,
  }
}
