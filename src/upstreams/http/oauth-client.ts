/**
 * The access token of an OAuth client of ours (RFC 6749 section 4.4), for platforms whose API wants one: fetched when
 * it is first needed, once for everybody who waits, and again before it expires.
 */
import { z } from 'zod'
import type { CodedError } from '../../errors.ts'
import { reveal } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import type { PlatformEvent } from '../platform.ts'
import { openHttp } from './client.ts'
import type { Authorize, HttpAnswer } from './client.ts'
import { answerError, statusError } from './errors.ts'
import type { HttpTuning } from './options.ts'

export interface ClientCredentialsOptions extends HttpTuning {
  /** @deprecated Put on errors by the source. */
  readonly upstream?: string
  readonly token_url: string
  readonly client_id: string
  readonly client_secret: Secret
  /** How the client proves who it is: in the form, or as HTTP Basic. The form where left out. */
  readonly client_auth?: 'form' | 'basic'
  /** What the platform wants besides: `scope`, `audience`, `resource`. */
  readonly parameters?: Readonly<Record<string, string>>
  observe(event: PlatformEvent): void
}

export interface ClientCredentials extends Authorize {
  close(): Promise<void>
}

/** Seconds that a token is used for where the platform does not say; RFC 6749 only recommends that it does. */
const DEFAULT_SECONDS = 300
/** A token is renewed in the last tenth of its life, but not earlier than so many milliseconds before its end. */
const MAX_EARLY_MS = 300_000
/** Milliseconds before its end from which on a token is no longer sent: the request has to arrive, too. */
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

interface Held {
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds, from a monotonic clock. */
  readonly renew_at: number
  readonly dead_at: number
}

/** Throws where the token URL cannot be used; asks for the first token with the first request. */
export function createClientCredentials(options: ClientCredentialsOptions): ClientCredentials {
  const { client_id, client_secret, client_auth = 'form', parameters = {}, ...tuning } = options
  const http = openHttp({ ...tuning, base_url: options.token_url })
  const basic = { authorization: `Basic ${basicCredentials(client_id, reveal(client_secret))}` }
  let held: Held | undefined
  let fetching: Promise<Held> | undefined
  let renewals_paused_until = 0
  let refusals_paused_until = 0

  async function exchange(): Promise<Held> {
    const started = performance.now()
    const answer = await http.request(
      {
        operation: 'client_credentials',
        keys: 1,
        template: '',
        method: 'POST',
        headers: client_auth === 'basic' ? basic : {},
        body: {
          form: [
            ['grant_type', 'client_credentials'],
            ...Object.entries(parameters),
            ...(client_auth === 'form'
              ? ([
                  ['client_id', client_id],
                  ['client_secret', reveal(client_secret)],
                ] as const)
              : []),
          ],
        },
      },
      // Everybody who waits has a deadline of their own; the exchange belongs to none of them.
      { signal: new AbortController().signal, deadline: () => Infinity, viewer: null },
    )
    return holdToken(answer, started)
  }

  /** One exchange at a time, whoever asks. */
  function renew(): Promise<Held> {
    fetching ??= exchange()
      .then((fresh) => (held = fresh))
      .finally(() => {
        fetching = undefined
      })
    return fetching
  }

  return {
    async headers() {
      const now = performance.now()
      if (held === undefined || now >= held.dead_at) return (await renew()).headers
      if (now >= held.renew_at && now >= renewals_paused_until) {
        renewals_paused_until = now + PAUSE_MS
        // The old one is still good: who asks now does not wait, and a failure is not theirs.
        renew().catch(() => undefined)
      }
      return held.headers
    },
    invalidate(refused) {
      const now = performance.now()
      // Another request may have renewed it already; and a platform that refuses every token gets no new ones for it.
      if (held?.headers !== refused || now < refusals_paused_until) return
      refusals_paused_until = now + PAUSE_MS
      held = undefined
    },
    close: () => http.close(),
  }
}

function holdToken(answer: HttpAnswer, started: number): Held {
  if (answer.status >= 300) throw refusal(answer)
  const parsed = tokenBody.safeParse(answer.json)
  if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, {})
  const { access_token, expires_in } = parsed.data
  // Counted from the moment of asking: the platform's own count began later.
  const life_ms = (expires_in === undefined || expires_in === 0 ? DEFAULT_SECONDS : expires_in) * 1000
  return {
    headers: { authorization: `Bearer ${access_token}` },
    renew_at: started + life_ms - Math.min(life_ms / 10, MAX_EARLY_MS) - MARGIN_MS,
    dead_at: started + life_ms - Math.min(life_ms / 20, MARGIN_MS),
  }
}

/** The platform refused our client; what it says beyond the code of RFC 6749 section 5.2 stays with it. */
function refusal(answer: HttpAnswer): CodedError {
  const code = errorBody.safeParse(answer.json).data?.error
  const facts = { code }
  return answer.status === 400 ? answerError('UPSTREAM_REJECTED', answer, facts) : statusError(answer, facts)
}

/** RFC 6749 section 2.3.1: both parts form-encoded before they are joined. */
function basicCredentials(id: string, password: string): string {
  return Buffer.from(`${formEncode(id)}:${formEncode(password)}`).toString('base64')
}

function formEncode(value: string): string {
  return new URLSearchParams([['', value]]).toString().slice(1)
}
