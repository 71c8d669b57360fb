/** What to do with a row, as pure functions of the row, the provider's record and the database's clock. */
import type { Provider } from '../providers/provider.ts'
import type { GrantRow } from '../store/rows.ts'

type Rotation = Provider['refresh']['rotation']

/**
 * `hand_out`: the token lives long enough, or cannot be had newer now and still lives. `refresh`: a newer one is needed,
 * and may be asked for. `later`: the same, but not before `retryAfterMs`, and the token is over. `over`: only a new
 * consent helps.
 */
export type Need =
  | { readonly kind: 'hand_out' }
  | { readonly kind: 'refresh' }
  | { readonly kind: 'later'; readonly retryAfterMs: number }
  | { readonly kind: 'over' }

const handOut: Need = { kind: 'hand_out' }

/** The share of its life that a token as good as new has before it. */
const AS_NEW = 0.8

/** What a read needs; `provider` is null where no client is configured that could refresh. */
export function needOf(
  row: GrantRow,
  provider: Pick<Provider, 'refresh'> | null,
  nowMs: number,
  minValiditySeconds: number,
): Need {
  const leftMs = leftOf(row, nowMs)
  // A token that has most of its life before it is as good as a new one, whatever the caller would like.
  const mostMs = row.lifetime_seconds === null ? Infinity : row.lifetime_seconds * 1000 * AS_NEW
  if (leftMs > Math.min(minValiditySeconds * 1000, mostMs)) return handOut
  const asIs: Need = leftMs > 0 ? handOut : { kind: 'over' }
  if (provider === null || !isRenewable(row, provider)) return asIs
  const { earliest, latest } = provider.refresh
  if (leftMs <= 0 && latest === 'before_expiry') return { kind: 'over' }
  if (leftMs > 0 && !isOldEnough(row, earliest, nowMs)) return asIs
  const waitMs = (row.next_attempt_ms ?? 0) - nowMs
  if (waitMs > 0) return leftMs > 0 ? asIs : { kind: 'later', retryAfterMs: waitMs }
  return verdictOn(row, provider.refresh.rotation, nowMs) === 'hold' ? asIs : { kind: 'refresh' }
}

/** Milliseconds that the access token still lives; Infinity where it does not end, or nobody knows. */
export function leftOf({ expires_at: expiresAt }: Pick<GrantRow, 'expires_at'>, nowMs: number): number {
  return expiresAt === null ? Infinity : expiresAt * 1000 - nowMs
}

/** Whether there is something to present, and the provider has not said that it is dead. */
export function isRenewable(row: GrantRow, { refresh }: Pick<Provider, 'refresh'>): boolean {
  if (row.state !== 'ACTIVE' && row.state !== 'AMBIGUOUS') return false
  return refresh.uses === 'access_token' || (refresh.uses === 'refresh_token' && row.refresh_token !== null)
}

/** Some providers refuse to refresh a token that lives, or one that is young. */
export function isOldEnough(row: GrantRow, earliest: Provider['refresh']['earliest'], nowMs: number): boolean {
  if (earliest === null) return true
  if (earliest === 'after_expiry') return leftOf(row, nowMs) <= 0
  return row.issued_at_ms === null || nowMs - row.issued_at_ms >= earliest.min_age_seconds * 1000
}

/**
 * Whether the stored refresh token may be presented. `post`: it is surely unspent, or cannot be spent. `replay`: an
 * earlier request may have spent it, and the provider still accepts it. `last_try`: the same, and the provider either
 * refuses it or ends what would be dead without it, too. `hold`: presenting it could end an access token that lives.
 */
export type Verdict = 'post' | 'replay' | 'last_try' | 'hold'

/** The share of the grace that is left unused: the provider's clock, and the time that the request takes. */
const GRACE_MARGIN = 0.1

export function verdictOn(row: GrantRow, rotation: Rotation, nowMs: number): Verdict {
  const { attempt_started_ms: startedMs } = row
  if (startedMs === null || rotation === null || rotation.mode === 'never') return 'post'
  if (rotation.grace_seconds === 'unlimited') return 'replay'
  if (nowMs - startedMs < rotation.grace_seconds * 1000 * (1 - GRACE_MARGIN)) return 'replay'
  if (rotation.reuse === 'refused') return 'last_try'
  return leftOf(row, nowMs) > 0 ? 'hold' : 'last_try'
}

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 300_000
/** A request that the provider does not understand will not be understood a minute later. */
const CONFIG_PAUSE_MS = 1_800_000

/** Milliseconds before the next attempt after a failure, with jitter; `attempts` have been made since the last success. */
export function pauseMs(failure: string, attempts: number, asked: number | null, random: number): number {
  const doubled = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempts, 20))
  const least = failure === 'config' ? CONFIG_PAUSE_MS : doubled
  return Math.max(asked ?? 0, least) * (1 + random * 0.2)
}
