/** The one answer to every credential that does not count. */
import { CodedError } from '../errors.ts'

/**
 * UNAUTHENTICATED with a fixed message, so that a forger learns nothing from it. `reason` goes to the log alone, as
 * the cause: a short phrase of ours or an error code, never a part of the credential.
 */
export function refuse(reason: string): CodedError {
  return new CodedError('UNAUTHENTICATED', undefined, {}, { cause: new Error(reason) })
}
