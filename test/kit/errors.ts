/** The errors that a test expects, and all that they could give away. */
import { inspect } from 'node:util'
import { CodedError } from '../../src/errors.ts'

/** The CodedError that the promise rejects with; anything else fails the test. */
export async function failureOf(promise: Promise<unknown>): Promise<CodedError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome && outcome.error instanceof CodedError) return outcome.error
  throw new Error(`expected a CodedError, got ${inspect(outcome)}`)
}

/** Everything that a log or a caller could see of an error, its causes included. */
export function everythingOf(error: Error): string {
  return [
    error.message,
    error.stack,
    JSON.stringify(error),
    JSON.stringify(Object.entries(error)),
    'extensions' in error ? JSON.stringify(error.extensions) : '',
    inspect(error, { depth: 10, showHidden: true }),
    error.cause instanceof Error ? everythingOf(error.cause) : inspect(error.cause),
  ].join('\n')
}
