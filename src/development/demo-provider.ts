/**
 * An OAuth provider that exists in development mode alone, on loopback: the demo user's GitHub account is refreshed by it,
 * with a new refresh token each time, so that a newcomer sees a token end and a new one come. It keeps nothing: the number
 * in a refresh token says which one it is.
 */
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monotonicMs } from '../lib/clock.ts'

const DEMO_CLIENT = { client_id: 'demo-client', client_secret: 'demo-client-secret' }
/** Seconds that a token lives: long enough to be seen, short enough to be seen ending. */
const ACCESS_SECONDS = 120
/** Seconds for which the refresh token before is still accepted. */
const GRACE_SECONDS = 30
const MAX_BODY_BYTES = 8192

/** The refresh token of the account as it is first stored. */
export const FIRST_REFRESH_TOKEN = 'demo-github-refresh-0'
const refreshToken = /^demo-github-refresh-(\d{1,9})$/

/** The record of the provider and the client, as a configuration has them. */
export function demoProviderOptions(url: string) {
  const refresh = {
    obtained: 'in development mode',
    rotation: { mode: 'always', grace_seconds: GRACE_SECONDS, reuse: 'refused' },
  }
  const record = { title: 'GitHub (demo)', authorize_url: `${url}/authorize`, token_url: `${url}/token` }
  return {
    clients: { github: DEMO_CLIENT },
    providers: { github: { ...record, client_auth: ['post'], access_seconds: ACCESS_SECONDS, refresh } },
  }
}

/** Listens on a free port of loopback and keeps no process alive. Resolves with its URL. */
export async function startDemoProvider(): Promise<string> {
  /** When each refresh token was used, by its number, in milliseconds of the monotonic clock. */
  const used = new Map<number, number>()

  function answer(form: URLSearchParams): { readonly status: number; readonly body: object } {
    const isClient =
      form.get('client_id') === DEMO_CLIENT.client_id && form.get('client_secret') === DEMO_CLIENT.client_secret
    if (!isClient) return { status: 401, body: { error: 'invalid_client' } }
    const [, digits] = refreshToken.exec(form.get('refresh_token') ?? '') ?? []
    const n = Number(digits)
    const usedAt = used.get(n)
    const isSpent = usedAt !== undefined && monotonicMs() - usedAt > GRACE_SECONDS * 1000
    if (digits === undefined || isSpent) return { status: 400, body: { error: 'invalid_grant' } }
    if (usedAt === undefined) used.set(n, monotonicMs())
    const next = String(n + 1)
    return {
      status: 200,
      body: {
        ...{ access_token: `demo-github-token-${next}`, refresh_token: `demo-github-refresh-${next}` },
        ...{ token_type: 'Bearer', expires_in: ACCESS_SECONDS, scope: 'repo read:user' },
      },
    }
  }

  const server = createServer((request, response) => {
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    if (request.method !== 'POST' || request.url !== '/token') {
      send(404, { error: 'invalid_request' })
      return
    }
    readForm(request).then(
      (form) => {
        const { status, body } = answer(form)
        send(status, body)
      },
      () => request.destroy(),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  server.unref()
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > MAX_BODY_BYTES) throw new Error('The form is too long.')
  }
  return new URLSearchParams(text)
}
