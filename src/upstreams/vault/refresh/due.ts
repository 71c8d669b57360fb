/**
 * When an account is refreshed before somebody needs it: pure functions of the provider's record. Accounts in use are
 * refreshed late in the life of their token; the others are only kept from dying of idleness, because a refresh of every
 * account in every hour would be most of a provider's limit.
 */
import { unixSeconds } from '../../kit.ts'
import type { Provider } from '../providers/provider.ts'
import { findProvider } from '../providers/catalogue.ts'
import type { AccountRecord } from '../store/record.ts'

/** The share of a life after which it is refreshed; a random tenth less, so that a fleet does not do it at once. */
const SHARE = 0.8
const JITTER = 0.1
/** The same where a refresh ends the earlier token, which requests under way may still use. */
const LATE_SHARE = 0.95
const LATE_JITTER = 0.02
/** The same where a token cannot be refreshed once it is over. */
const EARLY_SHARE = 0.5
/** A life this short is refreshed when it is asked for. */
const SHORT_MS = 300_000

export interface Life {
  /** Milliseconds from the issue of the token to its end; null: it does not end, or nobody knows. */
  readonly lifetimeMs: number | null
  /** Milliseconds since its issue. */
  readonly ageMs: number
  /** Whether the account is in use. */
  readonly isUsed: boolean
}

/** Whole milliseconds from now until the refresh; null: only when somebody asks. `random` is from 0 to 1. */
export function dueIn({ refresh }: Pick<Provider, 'refresh'>, life: Life, random: number): number | null {
  if (refresh.uses === 'nothing') return null
  const times = [keepAliveMs(refresh), accessMs(refresh, life)]
    .filter((time) => time !== null)
    .map(({ afterMs, jitter }) => afterMs * (1 - random * jitter))
  return times.length === 0 ? null : Math.max(0, Math.ceil(Math.min(...times) - life.ageMs))
}

interface Time {
  /** Milliseconds after the issue. */
  readonly afterMs: number
  /** The share of it by which it may come earlier. */
  readonly jitter: number
}

/** Before the refresh token dies unused. */
function keepAliveMs({ idle_seconds: idle, keep_alive_seconds: chosen }: Provider['refresh']): Time | null {
  const seconds = chosen ?? (idle === null ? null : idle / 2)
  return seconds === null ? null : { afterMs: seconds * 1000, jitter: JITTER }
}

/** Before the access token ends. */
function accessMs(refresh: Provider['refresh'], { lifetimeMs, isUsed }: Life): Time | null {
  if (lifetimeMs === null) return null
  const { earliest, latest } = refresh
  // Whoever misses this loses the account, used or not.
  if (latest === 'before_expiry') {
    const leastMs = earliest !== null && earliest !== 'after_expiry' ? earliest.min_age_seconds * 1000 : 0
    return { afterMs: Math.max(lifetimeMs * EARLY_SHARE, leastMs / (1 - JITTER)), jitter: JITTER }
  }
  if (!isUsed || earliest === 'after_expiry' || lifetimeMs <= SHORT_MS) return null
  if (refresh.kills_access) return { afterMs: lifetimeMs * LATE_SHARE, jitter: LATE_JITTER }
  return { afterMs: lifetimeMs * SHARE, jitter: JITTER / SHARE }
}

/** The same for an account that comes from a file: nobody has used it yet, and its age is not known. */
export function dueAfterImport(record: AccountRecord, random = Math.random()): number | null {
  const provider = findProvider(record.provider)
  if (provider === null) return null
  const { refresh_token: refreshToken, expires_at: expiresAt } = record
  if (provider.refresh.uses === 'refresh_token' && !refreshToken) return null
  const lifetimeMs = expiresAt === null ? null : Math.max(0, (expiresAt - unixSeconds()) * 1000)
  return dueIn(provider, { lifetimeMs, ageMs: 0, isUsed: false }, random)
}
