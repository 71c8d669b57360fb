/**
 * What an answer without tokens says of the grant. Only the provider's word that a grant is dead ends it: a mistake of
 * the client, a limit, an outage and an unreadable page all leave it alive.
 */
import { asMembers, filledText, memberOf, valueAtPath } from './answer-members.ts'
import type { Members } from './answer-members.ts'
import type { Provider } from './providers/provider.ts'

/**
 * grant_dead: the user has to consent again. client_bad: the provider refuses the client's credentials. config: the
 * request is wrong. rate: later. step_up: the user has to prove more.
 */
export type FailureClass = Provider['errors'][number]['class']

export interface Failure {
  /** `ambiguous`: whether the provider processed the request, and rotated the refresh token, is not known. */
  readonly class: FailureClass | 'ambiguous'
  /** The provider's error code, where it is a short identifier. */
  readonly code: string | null
}

const identifier = /^[a-z0-9_.-]{1,64}$/i

/** RFC 6749 section 5.2, RFC 8628 section 3.5, OpenID Connect Core section 3.1.2.6, and codes that several use. */
const classes: Readonly<Record<FailureClass | 'ambiguous', readonly string[]>> = {
  grant_dead: ['invalid_grant', 'bad_refresh_token', 'invalid_refresh_token'],
  client_bad: [
    ...['invalid_client', 'unauthorized_client', 'incorrect_client_credentials'],
    ...['invalid_client_id', 'invalid_client_secret', 'redirect_uri_mismatch'],
  ],
  config: ['invalid_request', 'invalid_scope', 'unsupported_grant_type', 'invalid_target', 'use_dpop_nonce'],
  rate: [
    ...['slow_down', 'ratelimited', 'rate_limited', 'rate_limit_exceeded'],
    ...['too_many_requests', 'temporarily_unavailable'],
  ],
  step_up: ['interaction_required', 'consent_required', 'login_required', 'account_selection_required'],
  ambiguous: ['server_error'],
}

const classOfCode: ReadonlyMap<string, Failure['class']> = new Map(
  Object.entries(classes).flatMap(([each, codes]) => codes.map((code) => [code, each as Failure['class']] as const)),
)

/** `members` is null where the body is neither JSON nor a form; `errors` is the table of the provider. */
export function classifyFailure(status: number, members: Members | null, errors: Provider['errors']): Failure {
  const { codes, text, isError } = refusalIn(members ?? {}, status)
  const code = codes.find((each) => identifier.test(each)) ?? null
  const lower = codes.map((each) => each.toLowerCase())

  // A server that failed may have rotated before (openbankingspace/tpp-issues#93), whatever its body says.
  if (status >= 500 || status === 408) return { class: 'ambiguous', code }
  if (status === 429) return { class: 'rate', code }
  const special = errors.find(
    (entry) =>
      (entry.status === null || entry.status === status) &&
      (entry.code === null || lower.includes(entry.code.toLowerCase())) &&
      (entry.text === null || text.includes(entry.text)) &&
      (entry.member === null || hasValue(members ?? {}, entry.member)),
  )
  if (special !== undefined) return { class: special.class, code }
  const general = lower.map((each) => classOfCode.get(each)).find((each) => each !== undefined)
  if (general !== undefined) return { class: general, code }
  // A success may have been meant as one, unless it says that it is an error.
  if (status < 300 && !isError) return { class: 'ambiguous', code }
  return { class: status === 401 ? 'client_bad' : 'config', code }
}

interface Refusal {
  /** As the provider writes them, the most telling first. */
  readonly codes: readonly string[]
  /** Every message, in lower case. */
  readonly text: string
  /** Whether the body calls itself an error, and not only has members that errors have. */
  readonly isError: boolean
}

const codeNames = [
  'error',
  'code',
  'error_code',
  'errorCode',
  'errorType',
  'ECODE',
  'suberror',
  'error_subcode',
  'type',
]
/** What only errors have. */
const errorNames = ['error', 'error_code', 'errorCode', 'errorType']
const textNames = [
  'error_description',
  'message',
  'error',
  'err',
  'reason',
  'description',
  'detail',
  'resource',
  'field',
]

/** Reads RFC 6749, Slack, Facebook, Fitbit, Strava, Square, HubSpot, Withings, TikTok and what resembles them. */
function refusalIn(members: Members, httpStatus: number): Refusal {
  const list = memberOf(members, 'errors')
  const entries = Array.isArray(list) ? (list as unknown[]) : []
  const nested = [memberOf(members, 'error'), ...entries, memberOf(members, 'data')].map(asMembers)
  const places = [members, ...nested].filter((place) => place !== null)
  const values = (names: readonly string[]) => places.flatMap((place) => names.map((name) => memberOf(place, name)))
  // `status` repeats that of HTTP, or is a code of its own: HubSpot's BAD_REFRESH_TOKEN, Withings' 601.
  const status = [memberOf(members, 'status')].filter((value) => value !== httpStatus && value !== String(httpStatus))
  const numbers = memberOf(members, 'error_codes')
  const codes = [...values(codeNames), ...status, ...(Array.isArray(numbers) ? (numbers as unknown[]) : [])].flatMap(
    asCode,
  )
  const texts = [...values(textNames), ...entries].map(filledText).filter((each) => each !== null)
  const isError =
    memberOf(members, 'ok') === false ||
    [...values(errorNames), ...status.filter(Number.isFinite)].flatMap(asCode).length > 0
  return { codes, text: texts.join('\n').toLowerCase(), isError }
}

// 0, "ok" and "success" say that there is no error, and "failure" does not say which.
function asCode(value: unknown): readonly string[] {
  if (typeof value === 'number' && Number.isFinite(value) && value !== 0) return [String(value)]
  const text = filledText(value)
  return text === null || /^(ok|success|failure|0)$/i.test(text) ? [] : [text]
}

function hasValue(members: Members, path: string): boolean {
  const value = valueAtPath(members, path)
  return value !== undefined && value !== null && value !== ''
}
