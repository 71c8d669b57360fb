/**
 * An OAuth provider that exists in development mode alone, on loopback: consent, PKCE, codes, rotating refresh tokens and
 * revocation, so that a newcomer connects an account, sees its token end and a new one come, and gives it up. Grants that
 * were there at the start, such as the demo user's GitHub account, live on the number in their refresh token.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from '../lib/node-http.ts'
import { monotonicMs } from '../lib/time.ts'
import { CONSENT_POLICY, consentPage, people } from './demo-consent.ts'

const DEMO_CLIENT = { client_id: 'demo-client', client_secret: 'demo-client-secret' }
/** Seconds that a token lives: long enough to be seen, short enough to be seen ending. */
const ACCESS_SECONDS = 120
/** Seconds for which the refresh token before is still accepted. */
const GRACE_SECONDS = 30
const CODE_MS = 60_000
const MAX_BODY_BYTES = 8192

/** The refresh token of the account as it is first stored. */
export const FIRST_REFRESH_TOKEN = 'demo-github-refresh-0'
/** The grant has a name, unless it is the first; the number says which token of it this is. */
const refreshToken = /^demo-(?<grant>[\w-]{1,40})-refresh-(?<n>\d{1,9})$/

/** The records of the provider and the clients, as a configuration has them: two names of one provider. */
export function demoProviderOptions(url: string) {
  const refresh = {
    obtained: 'in development mode',
    rotation: { mode: 'always', grace_seconds: GRACE_SECONDS, reuse: 'refused' },
  }
  const record = (id: string, title: string) => ({
    ...{ title, authorize_url: `${url}/${id}/authorize`, token_url: `${url}/${id}/token`, client_auth: ['post'] },
    revoke: { url: `${url}/${id}/revoke` },
    identity: { from: 'request', url: `${url}/${id}/userinfo`, id: 'id', label: 'name' },
    ...{ access_seconds: ACCESS_SECONDS, refresh },
  })
  return {
    clients: {
      github: { ...DEMO_CLIENT, scopes: ['repo', 'read:user'] },
      slack: { ...DEMO_CLIENT, scopes: ['chat:write', 'users:read'] },
    },
    providers: { github: record('github', 'GitHub (demo)'), slack: record('slack', 'Slack (demo)') },
  }
}

/** What the user allowed, until the code is exchanged. */
interface Code {
  readonly person: string
  readonly scope: string
  readonly redirectUri: string
  readonly challenge: string
  readonly until: number
}

interface Answer {
  readonly status: number
  readonly body: object
}

const refused = (error: string, status = 400): Answer => ({ status, body: { error } })

export interface DemoProviderOptions {
  /** Seconds that a token lives; tests do not wait two minutes. */
  readonly accessSeconds?: number
}

/** Listens on a free port of loopback and keeps no process alive. Resolves with its URL. */
export async function startDemoProvider({ accessSeconds = ACCESS_SECONDS }: DemoProviderOptions = {}): Promise<string> {
  const codes = new Map<string, Code>()
  /** When each refresh token was used, in milliseconds of the monotonic clock. */
  const used = new Map<string, number>()
  const revoked = new Set<string>()
  /** Who is behind a grant, and its scopes. */
  const grants = new Map<string, Pick<Code, 'person' | 'scope'>>([
    ['github', { person: 'demo', scope: 'repo read:user' }],
  ])

  function issue(grant: string, n: number): Answer {
    const { scope = '' } = grants.get(grant) ?? {}
    return {
      status: 200,
      body: {
        ...{ access_token: `demo-${grant}-token-${String(n)}`, refresh_token: `demo-${grant}-refresh-${String(n)}` },
        ...{ token_type: 'Bearer', expires_in: accessSeconds, scope },
      },
    }
  }

  function token(form: URLSearchParams): Answer {
    if (!isClient(form)) return refused('invalid_client', 401)
    if (form.get('grant_type') === 'authorization_code') return exchange(form)
    const text = form.get('refresh_token') ?? ''
    const { grant = '', n = '0' } = refreshToken.exec(text)?.groups ?? {}
    const usedAt = used.get(text)
    const isSpent = usedAt !== undefined && monotonicMs() - usedAt > GRACE_SECONDS * 1000
    if (grant === '' || isSpent || revoked.has(grant)) return refused('invalid_grant')
    if (usedAt === undefined) used.set(text, monotonicMs())
    return issue(grant, Number(n) + 1)
  }

  function exchange(form: URLSearchParams): Answer {
    const given = form.get('code') ?? ''
    const code = codes.get(given)
    codes.delete(given)
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const isRight = code?.redirectUri === form.get('redirect_uri') && code.challenge === challenge
    if (code === undefined || !isRight || code.until < monotonicMs()) return refused('invalid_grant')
    const grant = `grant-${randomBytes(6).toString('hex')}`
    grants.set(grant, code)
    return issue(grant, 1)
  }

  function userinfo(request: IncomingMessage): Answer {
    const [, grant = ''] = /^Bearer demo-([\w-]+)-token-\d+$/.exec(request.headers.authorization ?? '') ?? []
    const known = grants.get(grant)
    const person = people.find(({ id }) => id === known?.person)
    if (known === undefined || revoked.has(grant)) return refused('invalid_token', 401)
    return { status: 200, body: { id: known.person, name: person?.name ?? known.person } }
  }

  function revoke(form: URLSearchParams): Answer {
    if (!isClient(form)) return refused('invalid_client', 401)
    const [, grant = ''] = /^demo-([\w-]+)-(?:refresh|token)-\d+$/.exec(form.get('token') ?? '') ?? []
    if (grant !== '') revoked.add(grant)
    return { status: 200, body: {} }
  }

  /** The page, and where the browser goes from it. */
  function consent(url: URL, form: URLSearchParams | null, response: ServerResponse): void {
    const asked = url.searchParams
    const redirectUri = asked.get('redirect_uri') ?? ''
    const challenge = asked.get('code_challenge') ?? ''
    const isComplete = asked.get('client_id') === DEMO_CLIENT.client_id && isLoopbackUrl(redirectUri)
    if (!isComplete || asked.get('code_challenge_method') !== 'S256' || challenge === '') {
      send(response, refused('invalid_request'))
      return
    }
    if (form === null) {
      const html = consentPage({ query: url.search, scopes: (asked.get('scope') ?? '').split(' ').filter(Boolean) })
      const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': CONSENT_POLICY }
      response.writeHead(200, { ...headers, 'cache-control': 'no-store', 'x-frame-options': 'DENY' }).end(html)
      return
    }
    const back = new URL(redirectUri)
    back.searchParams.set('state', asked.get('state') ?? '')
    if (form.get('decision') === 'allow') {
      const code = `demo-code-${randomBytes(16).toString('hex')}`
      const scope = form.getAll('scope').join(' ')
      const until = monotonicMs() + CODE_MS
      codes.set(code, { person: form.get('person') ?? '', scope, redirectUri, challenge, until })
      back.searchParams.set('code', code)
    } else back.searchParams.set('error', 'access_denied')
    response.writeHead(303, { location: back.href }).end()
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const [, , endpoint = ''] = url.pathname.split('/')
    const route = `${request.method ?? ''} ${endpoint}`
    if (route === 'GET authorize') consent(url, null, response)
    else if (route === 'POST authorize') consent(url, await readForm(request), response)
    else if (route === 'POST token') send(response, token(await readForm(request)))
    else if (route === 'POST revoke') send(response, revoke(await readForm(request)))
    else if (route === 'GET userinfo') send(response, userinfo(request))
    else send(response, refused('invalid_request', 404))
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => request.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  server.unref()
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

function isClient(form: URLSearchParams): boolean {
  const { client_id: id, client_secret: secret } = DEMO_CLIENT
  return form.get('client_id') === id && form.get('client_secret') === secret
}

function isLoopbackUrl(text: string): boolean {
  return ['127.0.0.1', 'localhost'].includes(URL.parse(text)?.hostname ?? '')
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > MAX_BODY_BYTES) throw new Error('The form is too long.')
  }
  return new URLSearchParams(text)
}
