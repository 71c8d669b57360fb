/** The one place where the schema asks whether the viewer may read something. Throws `CodedError`. */
import type { AuditedAccount } from '../audit/trail.ts'
import { allowOrThrow } from '../auth/policy.ts'
import type { AccessRequest, Decision } from '../auth/policy.ts'
import type { GraphContext } from './builder.ts'

/**
 * Refuses what `auth/access` does not allow; call it before any upstream is asked. `about` is the account, and the
 * secret that leaves when the answer is yes. Every decision goes to the audit (docs/promises.md S13).
 */
export function authorize(context: GraphContext, request: AccessRequest, about?: AuditedAccount): void {
  const decision = context.access.decide(context.viewer, request)
  context.audit.record(request, decision, about)
  allowOrThrow(decision)
}

/** At which providers the viewer may know of the subject's accounts; refuses when at none. */
export function authorizeAccounts(context: GraphContext, subject: string): 'all' | ReadonlySet<string> {
  const decision = context.access.decideAccounts(context.viewer, subject)
  context.audit.record({ subject, provider: '*', field: 'metadata' }, decision)
  allowOrThrow(decision)
  return context.access.readableProviders(context.viewer, subject)
}

/** What `@authenticated` announces. */
export function requireAuthenticated(context: GraphContext): void {
  if (context.viewer.kind !== 'anonymous') return
  const decision: Decision = { allowed: false, code: 'UNAUTHENTICATED', reason: 'anonymous' }
  context.audit.record({ subject: null, provider: null, field: 'metadata' }, decision)
  allowOrThrow(decision)
}
