/** Pieces of JSON shapes that the answers of several platforms share, and the values in them. */
import { decodeJwt } from 'jose'
import { z } from 'zod'
import { badUserInput } from '../errors.ts'
import { unixMs } from '../lib/clock.ts'
import { safeJsonObject } from '../lib/json.ts'
import type { JsonObject, JsonValue } from '../lib/json.ts'

const MAX_METADATA_DEPTH = 32

/**
 * A metadata object without unsafe keys; null and absence become `{}`. Users of the platform write into it, so it is
 * checked by itself: one user's nesting (docs/promises.md S11) must not fail the others of a batch.
 */
export const metadata = z
  .unknown()
  .optional()
  .refine((value) => value === undefined || (typeof value === 'object' && !Array.isArray(value)))
  .refine((value) => isWithinDepth(value, MAX_METADATA_DEPTH))
  .transform((value): JsonObject => safeJsonObject(value))

/** A documented nullable string; absence means null. */
export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null)

/** The same where the platform writes an empty string for nothing. */
export const filledText = text.transform((value) => (value === '' ? null : value))

/** An ISO 8601 date and time as whole Unix seconds; null, absence, nothing and the zero time of Go mean null. */
export const isoSeconds = z
  .union([z.iso.datetime({ offset: true }), z.literal('')])
  .nullish()
  .transform((value) => {
    const seconds = value ? Math.floor(Date.parse(value) / 1000) : 0
    return seconds > 0 ? seconds : null
  })

/**
 * Seconds that are left, as whole Unix seconds; zero, null and absence mean unknown. For platforms that count at the
 * time of the answer: a lifetime that was told at a login says nothing about now.
 */
export const remainingSeconds = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,12}$/)
      .transform(Number),
  ])
  .nullish()
  .transform((value) => (value && value > 0 ? Math.floor(unixMs() / 1000 + value) : null))

/** Scopes in one string, between spaces (RFC 6749 section 3.3) or commas (GitHub); none and absence mean unknown. */
export const scopeList = z
  .string()
  .nullish()
  .transform((value) => {
    const scopes = value?.split(/[\s,]+/).filter((scope) => scope !== '') ?? []
    return scopes.length > 0 ? scopes : null
  })

/** Level by level, so that the depth of a hostile value cannot exhaust the stack. */
function isWithinDepth(value: unknown, max: number): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > max) return false
    level = level.flatMap((item) =>
      item !== null && typeof item === 'object' ? (Object.values(item) as unknown[]) : [],
    )
  }
  return true
}

/** Absolute Unix time of unknown unit → whole seconds: a value above 1e11 is milliseconds. */
export function toUnixSeconds(value: number): number {
  return Math.floor(Math.abs(value) > 1e11 ? value / 1000 : value)
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
 * Whole Unix seconds out of the `exp` claim; null where the token is opaque. The signature is not checked: no access
 * depends on it, and a wrong value only makes the caller ask sooner or later than needed.
 */
export function jwtExpiry(token: string): number | null {
  try {
    const { exp } = decodeJwt(token)
    return Number.isFinite(exp) && Number(exp) > 0 ? Math.floor(Number(exp)) : null
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
