/** Pieces of JSON shapes that the answers of several platforms share, and the values in them. */
import { decodeJwt } from 'jose'
import { z } from 'zod'
import type { ZodType } from 'zod'
import { badUserInput } from '../errors.ts'
import { isWithinDepth, safeJsonObject } from '../lib/json.ts'
import type { JsonObject, JsonValue } from '../lib/json.ts'
import { secret } from '../lib/secret.ts'
import { unixMs } from '../lib/time.ts'

const MAX_METADATA_DEPTH = 32

/**
 * A field that only decorates an account: a name, a label, a picture, scopes, a time that nothing depends on. null where
 * it is absent or of any other form, because no such field may cost its user the token (docs/architecture.md). Only the
 * id, the provider, the token and its expiry may fail an account.
 */
export function decorative<T>(shape: ZodType<T>): ZodType<T | null> {
  return shape
    .nullish()
    .catch(null)
    .transform((value) => value ?? null)
}

/**
 * A metadata object without unsafe keys; `{}` where it is absent, of another form, or nested too deeply
 * (docs/promises.md S11): users of the platform write into it.
 */
export const metadata = z
  .unknown()
  .optional()
  .transform((value): JsonObject => (isWithinDepth(value, MAX_METADATA_DEPTH) ? safeJsonObject(value) : {}))

/** A text that only decorates. */
export const text = decorative(z.string())

/** The same where the platform writes an empty string for nothing. */
export const filledText = text.transform((value) => (value === '' ? null : value))

/** An id that the platform gives: text, or a number that JSON holds exactly. */
export const opaqueId = z.union([z.string().min(1), z.int()]).transform(String)

/** An id that only decorates, such as the user's id at the provider where it is no part of the account's id. */
export const decorativeId = decorative(opaqueId)

// RFC 6749 appendix A.12. A line break would break the header that a token goes into; other characters beyond ASCII do
// no harm, and are for the platform to answer for.
const printable = /^\P{Cc}+$/u

/** A credential; one with a control character fails its account. */
export const requiredSecret = z
  .string()
  .regex(printable)
  .transform((value) => secret(value))

/** The same where it may be null, absent or an empty string: none is held. */
export const optionalSecret = z
  .union([requiredSecret, z.literal('')])
  .nullish()
  .transform((value) => (value === undefined || value === '' ? null : value))

/** A credential beside the token, without which the token is of use: null where it cannot be read. */
export const decorativeSecret = optionalSecret.catch(null)

// Seconds: the first of 1971 and the last of 9999. Nothing was connected before, and no clock goes beyond.
const FIRST_TIME = 31_536_000
const LAST_TIME = 253_402_300_799

/**
 * Absolute Unix time of unknown unit → whole seconds. A value above the last second of the year 9999 is milliseconds.
 * Servers write 0, -62135596800 (the zero time of Go), 9223372036854775807 and the like for "unknown" or "never": a
 * time before 1971 or after 9999 is null.
 */
export function toUnixSeconds(value: number): number | null {
  const seconds = Math.floor(value > LAST_TIME ? value / 1000 : value)
  return seconds >= FIRST_TIME && seconds <= LAST_TIME ? seconds : null
}

const decimal = /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i
// ISO 8601, as SQL and Go print it, too. A text without a time zone is UTC.
const isoTime = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|[+-]\d{2}:?\d{2})?(?: [A-Z]{3,5})?$/
// `Date.prototype.toString` of ECMAScript.
const dateText = /^[A-Z][a-z]{2} [A-Z][a-z]{2} \d{2} \d{4} \d{2}:\d{2}:\d{2} GMT[+-]\d{4}/

/** Whole Unix seconds; null: unknown; undefined: the text is no time. */
function parseTime(value: string): number | null | undefined {
  if (value === '') return null
  if (decimal.test(value)) return toUnixSeconds(Number(value))
  const [, date, hours, zone = 'Z'] = isoTime.exec(value) ?? []
  const isIso = date !== undefined && hours !== undefined
  const milliseconds = isIso ? Date.parse(`${date}T${hours}${zone}`) : dateText.test(value) ? Date.parse(value) : NaN
  // Not by `toUnixSeconds`: the unit is known.
  return Number.isNaN(milliseconds) ? undefined : inRange(milliseconds / 1000)
}

/**
 * When a token expires, as whole Unix seconds: seconds or milliseconds, as a number or as text, or a date and time. null,
 * absence, nothing and a time that cannot be mean null. What is no time at all fails its account: a token must not look
 * as if it never expired.
 */
export const expiry = z
  .unknown()
  .optional()
  .transform((value, context): number | null => {
    const seconds = readTime(value)
    if (seconds !== undefined) return seconds
    context.addIssue('not a time')
    return z.NEVER
  })

/** A time that only decorates. */
export const time = z
  .unknown()
  .optional()
  .transform((value): number | null => readTime(value) ?? null)

function readTime(value: unknown): number | null | undefined {
  if (value === null || value === undefined) return null
  if (typeof value === 'number') return toUnixSeconds(value)
  return typeof value === 'string' ? parseTime(value) : undefined
}

/**
 * Seconds that are left, as whole Unix seconds; zero and less, null, absence and more than a clock can hold mean unknown.
 * For platforms that count at the time of the answer: a lifetime that was told at a login says nothing about now.
 */
export const remainingSeconds = z
  .unknown()
  .optional()
  .transform((value, context): number | null => {
    if (value === null || value === undefined || value === '') return null
    const seconds = typeof value === 'string' && decimal.test(value) ? Number(value) : value
    if (typeof seconds === 'number') return seconds > 0 ? inRange(unixMs() / 1000 + seconds) : null
    context.addIssue('not a number of seconds')
    return z.NEVER
  })

/** Whole seconds, where they are between the years 1971 and 9999. */
function inRange(seconds: number): number | null {
  const whole = Math.floor(seconds)
  return whole >= FIRST_TIME && whole <= LAST_TIME ? whole : null
}

/**
 * Scopes as a list or as one text, between spaces (RFC 6749 section 3.3) or commas (GitHub), also where one text of a
 * list holds several; null where they cannot be read. An empty list or text says that there are none.
 */
export const listedScopes = decorative(z.union([z.array(z.string()), z.string()])).transform((value) =>
  value === null ? null : splitScopes(typeof value === 'string' ? [value] : value),
)

/** The same where an empty text says nothing: null. */
export const scopeList = decorative(z.union([z.array(z.string()), z.string().regex(/[^\s,]/)])).transform((value) =>
  value === null ? null : splitScopes(typeof value === 'string' ? [value] : value),
)

function splitScopes(texts: readonly string[]): readonly string[] {
  return texts.flatMap((scope) => scope.split(/[\s,]+/)).filter((scope) => scope !== '')
}

// The name of a member that is a credential, in any spelling: access_token, accessToken, refresh-token, clientSecret.
const secretName = /(token|secret|password|private_?key|assertion)$/

/** A copy without members, at any depth, whose name says that they are credentials. */
export function withoutSecrets(object: JsonObject): JsonObject {
  const entries = Object.entries(object).filter(([key]) => !secretName.test(key.toLowerCase()))
  return Object.fromEntries(entries.map(([key, value]) => [key, strip(value)]))
}

function strip(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(strip)
  return value !== null && typeof value === 'object' ? withoutSecrets(value as JsonObject) : value
}

/**
 * Whole Unix seconds out of the `exp` claim; null where the token is opaque or the time cannot be. The signature is not
 * checked: no access depends on it, and a wrong value only makes the caller ask sooner or later than needed.
 */
export function jwtExpiry(token: string): number | null {
  try {
    return time.parse(decodeJwt(token).exp)
  } catch {
    return null
  }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Whether the platform can know this user at all. */
export function isUuid(value: string): boolean {
  return uuid.test(value)
}

/** The id in lower case, as the platforms answer it; BAD_USER_INPUT that never echoes the value. */
export function checkUuid(value: string, argument: string): string {
  if (!isUuid(value)) throw badUserInput(`${argument} must be a UUID at the platform that serves the provider.`)
  return value.toLowerCase()
}
