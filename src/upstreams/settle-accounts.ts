/** Several accounts of one user at one provider, each asked for by itself. */
import { CodedError, type ErrorCode } from '../errors.ts'

/** Failures that are about one account, and about it alone. */
const ofTheAccount: ReadonlySet<ErrorCode> = new Set(['REAUTHORIZATION_REQUIRED', 'UNSUPPORTED_CREDENTIAL'])

/**
 * The accounts that answered; null is an account that is gone. A dead account hides no live one, but a failure that
 * may pass fails the whole: half a list would look like the whole.
 */
export async function settleAccounts<T>(accounts: readonly Promise<T | null>[]): Promise<readonly T[]> {
  const outcomes = await Promise.allSettled(accounts)
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []))
  const found = outcomes.flatMap((outcome) =>
    outcome.status === 'fulfilled' && outcome.value !== null ? [outcome.value] : [],
  )
  const whole = failures.find((error) => !(error instanceof CodedError && ofTheAccount.has(error.code)))
  if (whole !== undefined) throw whole
  const [first] = failures
  if (found.length === 0 && first !== undefined) throw first
  return found
}
