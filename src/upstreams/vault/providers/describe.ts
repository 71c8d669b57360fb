/** A provider's record in words, for the command line and the docs. */
import type { Provider } from './provider.ts'

/** How long access tokens and grants live. */
export function describeLifetimes({ answer, access_seconds: access, refresh }: Provider): string {
  const parts = [describeAccess(access, answer.missing_expiry)]
  if (refresh.idle_seconds !== null) parts.push(`${describeSpan(refresh.idle_seconds)} without a refresh`)
  if (refresh.absolute_seconds !== null) parts.push(`${describeSpan(refresh.absolute_seconds)} in all`)
  return parts.join(', ')
}

function describeAccess(access: number | null, missing: Provider['answer']['missing_expiry']): string {
  if (access !== null) return describeSpan(access)
  return missing === 'never' ? 'no end' : 'not said'
}

/** What happens to a refresh token that was used. */
export function describeRotation({ refresh }: Provider): string {
  const { rotation, uses, kills_access: killsAccess } = refresh
  if (rotation === null) return '-'
  const ending = killsAccess ? ', ends the access token' : ''
  if (rotation.mode === 'never') return `never${ending}`
  const { grace_seconds: grace, reuse } = rotation
  const mode = uses === 'access_token' ? 'the access token is exchanged' : rotation.mode
  if (grace === 'unlimited') return `${mode}, the earlier one still works${ending}`
  const span = grace === 0 ? '' : `, the earlier one works for ${describeSpan(grace)}`
  return `${mode}${span}${reuse === 'revokes_family' ? ', reuse ends the grant' : ''}${ending}`
}

const effects = {
  token: 'the token',
  grant: 'the grant',
  all_grants_of_client: 'every grant of the account for this client',
} as const

/** What a revocation ends. */
export function describeRevocation({ revoke }: Provider): string {
  return revoke === null ? 'none' : effects[revoke.effect]
}

/** The day on which the documentation was read, or that it was not. */
export function describeVerification({ verified_at: verifiedAt }: Provider): string {
  return verifiedAt ?? 'unverified'
}

const units = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const

/** Whole days from two days on, otherwise the largest unit that leaves nothing over: `90 days`. */
function describeSpan(seconds: number): string {
  const days = Math.floor(seconds / 86_400)
  if (days >= 2) return `${days} days`
  const [unit, size] = units.find(([, length]) => seconds % length === 0) ?? ['second', 1]
  const amount = seconds / size
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`
}
