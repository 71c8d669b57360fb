/** Pieces of JSON shapes that the answers of several platforms share. */
import { z } from 'zod'
import { safeJsonObject } from '../lib/json.ts'
import type { JsonObject } from '../lib/json.ts'

const MAX_METADATA_DEPTH = 32

/**
 * A metadata object without unsafe keys; null and absence become `{}`. Users of the platform write into it, so it is
 * checked by itself: one user's nesting (TRUST S11) must not fail the others of a batch.
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
  .transform((value) => (value && value > 0 ? Math.floor(Date.now() / 1000 + value) : null))

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
