/**
 * Access tokens of users for the Account API, which answers to the user alone (upstreams/logto.md section 2): a subject
 * token from the Management API, exchanged for an opaque token. Kept in memory for minutes, so that a user's next token
 * costs one request and not three.
 */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import { shareCalls } from '../../lib/singleflight.ts'
import { reveal, secret } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { answerError } from '../http/errors.ts'
import type { Call } from '../platform.ts'
import { clientError } from './errors.ts'

/** Milliseconds, whatever Logto grants: who loses the right to be read should not stay readable for long. */
const MAX_LIFE_MS = 300_000
/** Milliseconds before its end from which on a token is not used: the request has to arrive, too. */
const MARGIN_MS = 10_000
const MAX_TOKENS = 10_000

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

const subjectBody = z.object({ subjectToken: z.string().min(1) })
const tokenBody = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  expires_in: z.number().positive().optional(),
})

export interface Impersonation {
  /** The token that speaks for the user; USER_NOT_FOUND and UPSTREAM_REJECTED are what Logto may answer. */
  tokenOf(user_id: string, call: Call): Promise<Secret>
  /** Logto refused the token: the next one will be another. */
  forget(user_id: string, token: Secret): void
}

export interface ImpersonationOptions {
  /** The Management API. */
  readonly api: Http
  /** The user's side, without a credential of its own. */
  readonly http: Http
  readonly upstream: string
  /** The application that may exchange subject tokens. */
  readonly client_id: string
  readonly client_secret: Secret
}

export function createImpersonation(options: ImpersonationOptions): Impersonation {
  const { api, http, upstream, client_id, client_secret } = options
  const kept = new Map<string, { readonly token: Secret; readonly until: number }>()

  async function askSubject(user_id: string, call: Call): Promise<string> {
    const answer = await api.request(
      {
        operation: 'logto.subject_tokens',
        keys: 1,
        method: 'POST',
        // One that gets lost is never used.
        idempotent: true,
        template: '/api/subject-tokens',
        body: { json: { userId: user_id, context: {} } },
      },
      call,
    )
    if (answer.status === 404) throw answerError('USER_NOT_FOUND', answer, { upstream })
    return parse(answer, subjectBody, upstream).subjectToken
  }

  async function exchange(subject_token: string, call: Call) {
    const answer = await http.request(
      {
        operation: 'logto.token_exchange',
        keys: 1,
        // Not idempotent: a subject token is used up by the first exchange.
        method: 'POST',
        template: '/oidc/token',
        body: {
          form: [
            ['grant_type', GRANT_TYPE],
            ['client_id', client_id],
            ['client_secret', reveal(client_secret)],
            ['subject_token', subject_token],
            ['subject_token_type', ACCESS_TOKEN],
            // Without a `resource`: only an opaque token opens the Account API, and only with both scopes.
            ['scope', 'openid identities'],
          ],
        },
      },
      call,
    )
    return parse(answer, tokenBody, upstream)
  }

  const share = shareCalls<string, Secret>(
    {
      kind: 'one',
      async one(user_id, call) {
        const { access_token, expires_in } = await exchange(await askSubject(user_id, call), call)
        const token = secret(access_token)
        const life_ms = Math.min((expires_in ?? 0) * 1000 - MARGIN_MS, MAX_LIFE_MS)
        if (life_ms > 0) keep(user_id, { token, until: performance.now() + life_ms })
        return token
      },
    },
    (user_id) => user_id,
  )

  function keep(user_id: string, entry: { readonly token: Secret; readonly until: number }): void {
    kept.delete(user_id)
    const [oldest] = kept.keys()
    if (kept.size >= MAX_TOKENS && oldest !== undefined) kept.delete(oldest)
    kept.set(user_id, entry)
  }

  return {
    async tokenOf(user_id, call) {
      const entry = kept.get(user_id)
      if (entry !== undefined && performance.now() < entry.until) return entry.token
      kept.delete(user_id)
      const token = await share([user_id], call)[0]
      if (token == null) throw new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream })
      return token
    },
    forget(user_id, token) {
      if (kept.get(user_id)?.token === token) kept.delete(user_id)
    },
  }
}

function parse<T>(answer: HttpAnswer, body: z.ZodType<T>, upstream: string): T {
  if (answer.status >= 300) throw clientError(answer, upstream)
  const parsed = body.safeParse(answer.json)
  if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
  return parsed.data
}
