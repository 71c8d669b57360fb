/**
 * How a user connects an account (docs/connect.md, RFC 6749 section 4.1, RFC 9700). The browser is bound to the request by a
 * cookie, which is defence in depth; the proof is that the same user who began finishes, with a verifier that never left
 * the application. Only then is the code exchanged, so that an abandoned or stolen callback connects nothing.
 */
import { createHash } from 'node:crypto'
import { badUserInput, CodedError, reveal, wireProvider } from '../../kit.ts'
import type { BrowserStep, Connector } from '../../kit.ts'
import { authorizationParameters } from '../clients/authorization.ts'
import { findClient } from '../clients/clients.ts'
import { fillUrl } from '../clients/requests.ts'
import type { OAuthClient } from '../clients/clients.ts'
import { createFinish } from './finish.ts'
import type { ConnectorDeps } from './finish.ts'
import {
  createRequests,
  describeRequest,
  digestOf,
  isDigestOf,
  randomText,
  redirectUriOf,
  scopesOf,
  shortCode,
  statusOf,
} from './requests.ts'
import type { RequestRow, RequestSecrets } from './requests.ts'

/** S256 of 32 bytes, as every verifier of RFC 7636 section 4.1 gives. */
const challengeForm = /^[A-Za-z0-9_-]{43}$/
const COOKIE_SECONDS = 600
/** Parameters of a callback that are kept, by the record: characters of one. */
const MAX_KEPT = 512
const MAX_CODE = 4096

export function createConnector(deps: ConnectorDeps): Connector {
  const { store, options, timeoutMs, endpointOf, warn } = deps
  const { public_url: publicUrl, return_to: returnTo } = options
  const { clients } = store
  const requests = createRequests(store)
  const isHttps = publicUrl.startsWith('https:')

  const clientFor = (provider: string): OAuthClient | null =>
    findClient(clients, { provider: wireProvider(provider), client: null })
  // `__Host-` keeps a sibling domain from planting it; browsers want Secure for it, which plain http has not.
  const cookieName = (id: string): string => `${isHttps ? '__Host-' : ''}tg_connect_${digestOf(id).slice(0, 12)}`

  const start: Connector['start'] = async (begun) => {
    const { userId, provider, externalAccountId, codeChallenge } = begun
    const client = clientFor(provider)
    if (client === null) throw new CodedError('CONNECT_NOT_SUPPORTED', undefined, { provider: wireProvider(provider) })
    if (!returnTo.includes(begun.returnTo)) throw badUserInput('return_to is none of the configured addresses.')
    if (!challengeForm.test(codeChallenge))
      throw badUserInput('code_challenge must be the S256 challenge of a verifier: 43 characters of base64url.')
    const before =
      externalAccountId === null ? [] : await requests.scopesBefore({ userId, provider, externalAccountId })
    if (before === null) throw badUserInput('external_account_id is no account of this user at this provider.')
    const scopes = [...new Set([...before, ...client.scopes, ...(begun.scopes ?? [])])]
    const secrets = { state: randomText(), verifier: randomText(), nonce: randomText() }
    const { id, expiresAtMs } = await requests.create(
      {
        ...{ user_id: userId, provider: wireProvider(provider), client: client.name, challenge: codeChallenge },
        ...{ external_account_id: externalAccountId, scopes: JSON.stringify(scopes), return_to: begun.returnTo },
      },
      begun.loginHint === null ? secrets : { ...secrets, loginHint: begun.loginHint },
    )
    return { id, authorizationUrl: `${publicUrl}/connect/${id}`, expiresAt: Math.floor(expiresAtMs / 1000) }
  }

  const open: Connector['open'] = async (id, cookieOf) => {
    const row = await requests.find(id)
    const client = row === null ? undefined : clients.get(row.client)
    if (row === null || client === undefined) return page('unknown')
    if (statusOf(row) !== 'PENDING') return page('over')
    const secrets = requests.secretsOf(row)
    let begun: Begun
    try {
      begun = await authorizationOf(client, row, secrets)
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown'
      warn('a connection could not be opened at the provider', { client: client.name, reason })
      return page('unavailable')
    }
    const { url } = begun
    const name = cookieName(id)
    // The same browser again: the cookie stays, so that a double click or the back button breaks nothing.
    const held = cookieOf(name)
    if (held !== null && isDigestOf(held, row.cookie_digest)) return { kind: 'redirect', url, cookie: null }
    const value = randomText()
    // The last browser counts: scanners of mails and chats open links first.
    if (!(await requests.bind(row, digestOf(value), begun.secrets))) return page('over')
    return { kind: 'redirect', url, cookie: { name, value, maxAgeSeconds: COOKIE_SECONDS } }
  }

  async function authorizationOf(client: OAuthClient, row: RequestRow, secrets: RequestSecrets): Promise<Begun> {
    if (client.provider.oauth1 !== null) {
      // The link again: the same token of the request, so that a page of the provider that is open stays good.
      const known = secrets.requestToken
      if (known !== undefined) {
        const url = fillUrl(client.provider.authorize_url, client, { kept: {} })
        url.searchParams.set('oauth_token', known[0])
        return { url: url.href, secrets }
      }
      const { url, requestToken } = await endpointOf(client).begin(redirectUriOf(publicUrl, client.name), timeoutMs)
      return { url: url.href, secrets: { ...secrets, requestToken: [requestToken.token, reveal(requestToken.secret)] } }
    }
    const parameters = authorizationParameters(client, {
      redirectUri: redirectUriOf(publicUrl, client.name),
      scopes: scopesOf(row),
      state: secrets.state,
      challenge: createHash('sha256').update(secrets.verifier).digest('base64url'),
      nonce: secrets.nonce,
      loginHint: secrets.loginHint ?? null,
    })
    return { url: (await endpointOf(client).authorize(parameters, timeoutMs)).href, secrets }
  }

  const callback: Connector['callback'] = async (clientName, query, cookieOf) => {
    const state = query.get('state') ?? query.get('oauth_token') ?? query.get('denied')
    const row = state === null || state.length > 128 ? null : await requests.findByState(state)
    const client = row === null ? undefined : clients.get(row.client)
    // A distinct redirect URI for each client: what one provider sends never counts for another (RFC 9700 section 4.4.2).
    if (row === null || client?.name !== clientName) return null
    const isFirst = client.provider.oauth1 !== null
    if (isFirst === query.has('state')) return null
    if (statusOf(row) !== 'PENDING') return page('over')
    const name = cookieName(row.id)
    if (!isDigestOf(cookieOf(name) ?? '', row.cookie_digest)) return page('other_browser')
    const gone = { name, value: '', maxAgeSeconds: 0 }
    const back = (parameters: Readonly<Record<string, string>>): BrowserStep => {
      const url = new URL(row.return_to)
      url.searchParams.set('connection_request_id', row.id)
      for (const [each, value] of Object.entries(parameters)) url.searchParams.set(each, value)
      return { kind: 'redirect', url: url.href, cookie: gone }
    }
    const refuse = async (status: 'DENIED' | 'FAILED', code: string): Promise<BrowserStep> => {
      if (!(await requests.end(row, status, code))) return page('over')
      if (status === 'FAILED') warn('a connection was refused', { client: client.name, code })
      return back({ error: status === 'DENIED' ? 'access_denied' : 'connection_failed' })
    }
    if (!(await isOfIssuer(client, query))) return refuse('FAILED', 'issuer')
    const error = isFirst && query.has('denied') ? 'access_denied' : query.get('error')
    const code = query.get(isFirst ? 'oauth_verifier' : 'code')
    if (error !== null) {
      const isDenied = deniedCodes.has(error)
      return refuse(isDenied ? 'DENIED' : 'FAILED', shortCode(error) ?? 'provider_error')
    }
    if (code === null || code === '' || code.length > MAX_CODE) return refuse('FAILED', 'no_code')
    const names = client.provider.keep_from_callback
    const kept = Object.fromEntries(
      names.flatMap((each) => {
        const value = query.get(each)
        return value === null || value.length > MAX_KEPT ? [] : [[each.replaceAll('-', '_'), value]]
      }),
    )
    const completion = randomText()
    const secrets = { ...requests.secretsOf(row), code, kept }
    if (!(await requests.returned(row, secrets, completion))) return page('over')
    return back({ completion_code: completion })
  }

  /** RFC 9207: what names another issuer, or lacks one that the provider announces, is from another server. */
  async function isOfIssuer(client: OAuthClient, query: URLSearchParams): Promise<boolean> {
    const named = query.get('iss')
    if (named === null && !client.isDiscovered) return true
    const { issuer, sendsIssuer } = await endpointOf(client).issuer(timeoutMs)
    return named === null ? !sendsIssuer : issuer === null || issuer === named
  }

  return {
    publicUrl,
    canConnect: (provider) => clientFor(provider) !== null,
    start,
    async find(id) {
      const row = await requests.find(id)
      return row === null ? null : describeRequest(row)
    },
    open,
    callback,
    finish: createFinish(deps, requests),
  }
}

interface Begun {
  readonly url: string
  readonly secrets: RequestSecrets
}

/** What providers answer where the user said no. */
const deniedCodes: ReadonlySet<string> = new Set([
  'access_denied',
  'user_denied',
  'consent_required',
  'user_cancelled_login',
])

function page(problem: Extract<BrowserStep, { kind: 'page' }>['problem']): BrowserStep {
  return { kind: 'page', problem }
}
