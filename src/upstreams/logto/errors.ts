/** The error table of Logto (upstreams/logto.md section 4). Its texts hold answers of providers and go nowhere. */
import { z } from 'zod'
import type { CodedError, ErrorCode } from '../../errors.ts'
import type { HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'

// `/oidc/token` says `error` as well, as OAuth does.
const errorBody = z.object({
  code: z.string().optional(),
  error: z.string().optional(),
  message: z.unknown().optional(),
  data: z.unknown().optional(),
})

const documented: ReadonlyMap<string, ErrorCode> = new Map([
  ['auth.unauthorized', 'UPSTREAM_REJECTED'],
  ['auth.forbidden', 'UPSTREAM_REJECTED'],
  ['account_center.not_enabled', 'UPSTREAM_REJECTED'],
  ['secrets.third_party_token_set.token_not_found', 'REAUTHORIZATION_REQUIRED'],
  ['secrets.third_party_token_set.access_token_expired', 'REAUTHORIZATION_REQUIRED'],
  ['connector.token_storage_not_supported', 'PROVIDER_NOT_CONFIGURED'],
  ['connector.rate_limit_exceeded', 'UPSTREAM_RATE_LIMITED'],
])

/** Logto's code of an answer that is no success. */
export function logtoCode(answer: HttpAnswer): string | undefined {
  const body = errorBody.safeParse(answer.json).data
  return body?.code ?? body?.error
}

/** An answer about a user who is known to have linked the provider. By the code: 401 has three meanings. */
export function logtoError(answer: HttpAnswer, upstream: string): CodedError {
  const code = logtoCode(answer)
  const facts = { upstream, code }
  const known = code === undefined ? undefined : (documented.get(code) ?? connectorVerdict(code, answer))
  return known === undefined ? statusError(answer, facts) : answerError(known, answer, facts)
}

/** What the provider said to a refresh, as Logto's connector reports it. */
function connectorVerdict(code: string, answer: HttpAnswer): ErrorCode | undefined {
  if (!code.startsWith('connector.')) return undefined
  if (answer.status === 401) return 'REAUTHORIZATION_REQUIRED'
  if (code !== 'connector.general' && code !== 'connector.invalid_response') return undefined
  // The provider's answer is somewhere in the text: its one code that means a dead grant (RFC 6749 section 5.2).
  return JSON.stringify(answer.json).includes('invalid_grant') ? 'REAUTHORIZATION_REQUIRED' : 'UPSTREAM_UNAVAILABLE'
}

/** An answer to this server's own client: whatever it refuses is for the operator. */
export function clientError(answer: HttpAnswer, upstream: string): CodedError {
  const facts = { upstream, code: logtoCode(answer) }
  return answer.status === 400 || answer.status === 422
    ? answerError('UPSTREAM_REJECTED', answer, facts)
    : statusError(answer, facts)
}
