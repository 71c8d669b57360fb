/** The one place where the schema asks whether the viewer may read something. Throws `CodedError`. */
import { allowOrThrow } from '../auth/access.ts'
import type { Question } from '../auth/access.ts'
import { CodedError } from '../errors.ts'
import type { GraphContext } from './builder.ts'

/** Refuses what `auth/access` does not allow; call it before any upstream is asked. */
export function authorize(context: GraphContext, question: Question): void {
  allowOrThrow(context.access.decide(context.viewer, question))
}

/** What `@authenticated` announces. */
export function requireAuthenticated(context: GraphContext): void {
  if (context.viewer.kind === 'anonymous') throw new CodedError('UNAUTHENTICATED')
}
