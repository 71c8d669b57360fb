/** When the tokens of an answer end: every form in which providers say it, and what it means that one does not. */
import { jwtExpiry, time as timeShape } from '../kit.ts'
import { memberOf } from './answer-members.ts'
import type { Members } from './answer-members.ts'
import type { Provider } from './providers/provider.ts'

export interface Expiry {
  /** Whole Unix seconds; null: never, or unknown. */
  readonly expiresAt: number | null
  /** Seconds from the answer to the end; null where `expiresAt` is. */
  readonly lifetimeSeconds: number | null
  /** Where it is from: the answer, `exp` of a JWT, the lifetime of the token before, or the catalogue. */
  readonly source: 'answer' | 'jwt' | 'earlier' | 'catalogue' | 'never' | 'unknown'
}

export interface ExpiryContext {
  readonly provider: Pick<Provider, 'answer' | 'access_seconds'>
  /** Whole Unix seconds at which the answer came. */
  readonly now: number
  /** Seconds for which the token before lived; null where there was none, or it was not known. */
  readonly earlierLifetimeSeconds: number | null
}

/** Seconds: what is smaller is a span, and what is not is a time (a span of 31 years). */
const FIRST_TIME = 1e9

const spanFirst = ['expires_in', 'expires_at', 'expires_on', 'expires']
const timeFirst = ['expires_at', 'expires_in', 'expires_on', 'expires']
const refreshNames = [
  ...['refresh_token_expires_in', 'x_refresh_token_expires_in', 'refresh_expires_in'],
  ...['refresh_token_expires_at', 'refresh_expires_at'],
]

/**
 * The end of an access token. A time that has passed, zero and a negative span say nothing (Mailchimp's 0 means never):
 * a new token that is over is of no use, and would be refreshed at each read. What is then taken, in this order: `exp`
 * of a JWT; never, where the record says so and the token before did not expire; the lifetime of the token before, and
 * not its end, which has passed (oomol-lab/open-connector#266), unless lifetimes of the provider are not constant;
 * the lifetime of the catalogue. `created_at` and `issued_at` are by another clock, and are not used.
 */
export function readExpiry(members: Members, accessToken: string, context: ExpiryContext): Expiry {
  const { provider, now, earlierLifetimeSeconds: earlier } = context
  const { expiry: form, missing_expiry: missing } = provider.answer
  const names = form === 'expires_at_s' || form === 'expires_at_iso' ? timeFirst : spanFirst
  const said = firstTime(members, names, now, form === 'expires_in_ms')
  if (said !== null) return endsAt(said, now, 'answer')
  const claimed = jwtExpiry(accessToken)
  if (claimed !== null && claimed > now) return endsAt(claimed, now, 'jwt')
  if (missing === 'never' && earlier === null) return { expiresAt: null, lifetimeSeconds: null, source: 'never' }
  if (missing !== 'unknown' && earlier !== null && earlier > 0) return endsAt(now + earlier, now, 'earlier')
  if (provider.access_seconds !== null) return endsAt(now + provider.access_seconds, now, 'catalogue')
  return { expiresAt: null, lifetimeSeconds: null, source: 'unknown' }
}

/** The end of a refresh token in whole Unix seconds; null where the answer does not say. */
export function readRefreshExpiry(members: Members, now: number): number | null {
  return firstTime(members, refreshNames, now, false)
}

function endsAt(expiresAt: number, now: number, source: Expiry['source']): Expiry {
  return { expiresAt, lifetimeSeconds: expiresAt - now, source }
}

/** The first of the members that is a time to come, in whole Unix seconds. */
function firstTime(members: Members, names: readonly string[], now: number, isMs: boolean): number | null {
  for (const name of names) {
    const time = toTime(memberOf(members, name), now, isMs && name === 'expires_in')
    if (time !== null && time > now) return time
  }
  return null
}

/** A span or a time in any of its forms as whole Unix seconds; a fraction of a second is dropped. */
function toTime(value: unknown, now: number, isMs: boolean): number | null {
  const number = typeof value === 'string' ? numberIn(value.trim()) : value
  if (typeof number !== 'number') return timeOf(value)
  const amount = isMs ? number / 1000 : number
  return amount < FIRST_TIME ? Math.floor(now + amount) : timeOf(amount)
}

/** A number in digits, or days, hours and minutes as `D:HH:MM` (Tableau) in seconds. */
function numberIn(text: string): number | null {
  if (/^[+-]?\d{1,16}(?:\.\d{1,9})?$/.test(text)) return Number(text)
  const [, days, hours, minutes] = /^(\d{1,5}):(\d{2}):(\d{2})$/.exec(text) ?? []
  return days === undefined ? null : Number(days) * 86_400 + Number(hours) * 3600 + Number(minutes) * 60
}

/** A time in seconds, in milliseconds or in ISO 8601; null where it is none. */
function timeOf(value: unknown): number | null {
  return timeShape.parse(typeof value === 'string' ? value.trim() : value)
}
