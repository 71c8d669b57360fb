/** The error table of the Descope management API (upstreams/descope.md, "Errors"). */
import { z } from 'zod'
import type { CodedError, ErrorCode } from '../../errors.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'

/** What the calls to one Descope project have in common. */
export interface DescopeScope {
  readonly http: Http
  /** The name that stands in errors. */
  readonly upstream: string
  /** null: the tokens without a tenant. */
  readonly tenant_id: string | null
}

const errorBody = z.object({ errorCode: z.string() })

const documented: ReadonlyMap<string, ErrorCode> = new Map([
  ['E011001', 'BAD_USER_INPUT'],
  ['E011002', 'BAD_USER_INPUT'],
  ['E011003', 'BAD_USER_INPUT'],
  ['E011004', 'BAD_USER_INPUT'],
  ['E112102', 'USER_NOT_FOUND'],
  ['E130429', 'UPSTREAM_RATE_LIMITED'],
])

/** The error of an answer that is no success. */
export function descopeError(answer: HttpAnswer, upstream: string): CodedError {
  const code = codeOf(answer)
  // A status that speaks of our key or of an outage is believed whatever the code says.
  const byStatus = answer.status === 401 || answer.status === 403 || answer.status >= 500
  const meaning = byStatus ? undefined : documented.get(code ?? '')
  return meaning === undefined ? statusError(answer, { upstream, code }) : descopeVerdict(meaning, answer, upstream)
}

/** The error that we read out of an answer, whatever its status. */
export function descopeVerdict(verdict: ErrorCode, answer: HttpAnswer, upstream: string): CodedError {
  return answerError(verdict, answer, { upstream, code: codeOf(answer) })
}

/** Whether the answer refuses the request for a reason that no source documents. */
export function isUndocumented(answer: HttpAnswer): boolean {
  const { status } = answer
  if (status < 400 || status >= 500 || [401, 403, 408, 429].includes(status)) return false
  return !documented.has(codeOf(answer) ?? '')
}

function codeOf(answer: HttpAnswer): string | undefined {
  return errorBody.safeParse(answer.json).data?.errorCode
}
