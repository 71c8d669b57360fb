/** When a token that happens to be a JWT expires: for platforms that store no expiry beside it. */
import { decodeJwt } from 'jose'

/**
 * Whole Unix seconds out of the `exp` claim; null where the token is opaque. The signature is not checked: nobody is
 * let in by this, and a wrong value only makes the caller ask sooner or later than needed.
 */
export function jwtExpiry(token: string): number | null {
  try {
    const { exp } = decodeJwt(token)
    return Number.isFinite(exp) && Number(exp) > 0 ? Math.floor(Number(exp)) : null
  } catch {
    return null
  }
}
