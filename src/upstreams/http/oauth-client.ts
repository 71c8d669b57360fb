/**
 * The access token of this server's OAuth client at a platform (client credentials grant, RFC 6749 section 4.4): fetched
 * when it is first needed, once for all requests that wait, and again before it expires.
 */
import { z } from 'zod'
import type { CodedError } from '../../errors.ts'
import { reveal } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import type { UpstreamDeps } from '../platform.ts'
import { openHttp } from './client.ts'
import { answerError, describeMismatch, statusError } from './errors.ts'
import type { Authorize, HttpAnswer, HttpTuning } from './types.ts'

export interface ClientCredentialsOptions extends HttpTuning, UpstreamDeps {
  readonly tokenUrl: string
  readonly clientId: string
  readonly clientSecret: Secret
  /** How the client authenticates: in the form (the default), or with HTTP Basic. */
  readonly clientAuth?: 'form' | 'basic'
  /** Further parameters of the request: `scope`, `audience`, `resource`. */
  readonly parameters?: Readonly<Record<string, string>>
}

export interface ClientCredentials extends Authorize {
  close(): Promise<void>
}

/** Seconds that a token is used for where the platform does not say: RFC 6749 only recommends `expires_in`. */
const DEFAULT_SECONDS = 300
/** A token is renewed in the last tenth of its life, at most so many milliseconds before its end. */
const MAX_EARLY_MS = 300_000
/** Milliseconds before its end in which a token is no longer sent: the request has to arrive first. */
const MARGIN_MS = 5000
/** Milliseconds before a renewal that failed, or a token that was refused, leads to another exchange. */
const PAUSE_MS = 5000

const tokenBody = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  token_type: z
    .string()
    .regex(/^bearer$/i)
    .optional(),
  expires_in: z.coerce.number().min(0).optional().catch(undefined),
})
const errorBody = z.object({ error: z.string() })

/** Times are milliseconds on the clock of `performance.now()`. */
interface Held {
  readonly headers: Readonly<Record<string, string>>
  readonly renewAt: number
  readonly deadAt: number
}

/** Throws where the token URL cannot be used; asks for the first token with the first request. */
export function createClientCredentials(options: ClientCredentialsOptions): ClientCredentials {
  const { tokenUrl, clientId: id, clientSecret: secret, clientAuth = 'form', parameters = {}, ...tuning } = options
  const http = openHttp({ ...tuning, baseUrl: tokenUrl })
  const basic = { authorization: `Basic ${basicCredentials(id, reveal(secret))}` }
  const form = () => [['client_id', id] as const, ['client_secret', reveal(secret)] as const]
  let held: Held | null = null
  let fetching: Promise<Held> | null = null
  let renewalsPausedUntil = 0
  let refusalsPausedUntil = 0

  async function exchange(): Promise<Held> {
    const started = performance.now()
    const answer = await http.request(
      {
        operation: 'client_credentials',
        keys: 1,
        template: '',
        method: 'POST',
        headers: clientAuth === 'basic' ? basic : {},
        body: {
          form: [
            ['grant_type', 'client_credentials'],
            ...Object.entries(parameters),
            ...(clientAuth === 'form' ? form() : []),
          ],
        },
      },
      // Each request that waits has its own deadline; the exchange belongs to none of them.
      { signal: new AbortController().signal, deadline: () => Infinity, viewer: null },
    )
    return holdToken(answer, started)
  }

  /** One exchange at a time. */
  function renew(): Promise<Held> {
    fetching ??= exchange()
      .then((fresh) => (held = fresh))
      .finally(() => {
        fetching = null
      })
    return fetching
  }

  return {
    async headers() {
      const now = performance.now()
      if (held === null || now >= held.deadAt) return (await renew()).headers
      if (now >= held.renewAt && now >= renewalsPausedUntil) {
        renewalsPausedUntil = now + PAUSE_MS
        // The old token is still good: this request neither waits nor fails.
        renew().catch(() => undefined)
      }
      return held.headers
    },
    invalidate(refused) {
      const now = performance.now()
      // Another request may have renewed it already, and a platform that refuses every token is not asked for more.
      if (held?.headers !== refused || now < refusalsPausedUntil) return
      refusalsPausedUntil = now + PAUSE_MS
      held = null
    },
    close: () => http.close(),
  }
}

function holdToken(answer: HttpAnswer, started: number): Held {
  if (answer.status >= 300) throw refusal(answer)
  const parsed = tokenBody.safeParse(answer.json)
  if (!parsed.success)
    throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { reason: describeMismatch(tokenBody, parsed.error) })
  const { access_token: token, expires_in: seconds = 0 } = parsed.data
  // Counted from the moment of the request: the platform's own count began later.
  const lifeMs = (seconds === 0 ? DEFAULT_SECONDS : seconds) * 1000
  return {
    headers: { authorization: `Bearer ${token}` },
    renewAt: started + lifeMs - Math.min(lifeMs / 10, MAX_EARLY_MS) - MARGIN_MS,
    deadAt: started + lifeMs - Math.min(lifeMs / 20, MARGIN_MS),
  }
}

const codes = new Set([
  'access_denied',
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
])

/** The platform refused the client; of its answer only the code of RFC 6749 section 5.2 is kept, or of RFC 8707. */
function refusal(answer: HttpAnswer): CodedError {
  const code = errorBody.safeParse(answer.json).data?.error
  return statusError(answer, { code, codes })
}

/** Form-encodes both parts before it joins them (RFC 6749 section 2.3.1). */
function basicCredentials(id: string, password: string): string {
  return Buffer.from(`${formEncode(id)}:${formEncode(password)}`).toString('base64')
}

function formEncode(value: string): string {
  return new URLSearchParams([['', value]]).toString().slice(1)
}
