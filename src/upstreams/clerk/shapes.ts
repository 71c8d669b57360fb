/** Pieces of the documented shapes of the Clerk Backend API that several endpoints share. */
import { z } from 'zod'
import { safeJsonObject, type JsonObject } from '../../tokens/json.ts'

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

/** Clerk's own name, `oauth_` + name: SDK documents write it bare, the REST API does not (clerk.md section 2). */
export function prefixed(provider: string): string {
  return provider.startsWith('oauth_') ? provider : `oauth_${provider}`
}

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
