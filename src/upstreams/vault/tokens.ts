/** The tokens of a batch of keys: what is stored, refreshed first where a caller needs it to live longer. */
import { allOf, CodedError, monotonicMs, raceSignal, settleOrError, withDetails } from '../kit.ts'
import type { AccountHealth, Answer, Call, OAuthAccessToken, TokenKey } from '../kit.ts'
import type { OAuthClient } from './clients/clients.ts'
import { isRenewable, leftOf, needOf } from './refresh/decide.ts'
import type { Need } from './refresh/decide.ts'
import { dueIn } from './refresh/due.ts'
import type { Leases } from './refresh/leases.ts'
import type { Refresher } from './refresh/refresher.ts'
import type { Keyring } from './store/crypto.ts'
import type { Reader, ReadRow, Waiting } from './store/read.ts'
import { decodeToken } from './store/rows.ts'

export interface TokenReaderDeps {
  readonly reader: Reader
  readonly refresher: Refresher
  readonly leases: Leases
  readonly keyring: Keyring
  /** The client of a row; null: none is configured. */
  clientOf(row: Pick<ReadRow, 'provider' | 'client'>): OAuthClient | null
}

/** A use is written down once in so many milliseconds. */
const USE_MS = 3_600_000
/** Milliseconds before the deadline of a caller at which a token that still lives is handed out. */
const MARGIN_MS = 100

export function createTokenReader({ reader, refresher, leases, keyring, clientOf }: TokenReaderDeps) {
  /** The tokens of rows without a problem, for as long as the rows do not change. */
  const decoded = new WeakMap<ReadRow, OAuthAccessToken>()
  /** The answers that consist of these. */
  const answers = new WeakMap<readonly ReadRow[], readonly OAuthAccessToken[]>()

  /**
   * The row as the caller gets it. A problem says why a token that is over could not be had newer. A promise only where
   * the row is refreshed first; what is thrown belongs to the row.
   */
  function show(row: ReadRow, nowMs: number, key: TokenKey, call: Call): Answer<OAuthAccessToken | Error> {
    try {
      const client = clientOf(row)
      const minimum = key.minValiditySeconds
      const need = needOf(row, client?.provider ?? null, nowMs, minimum)
      if (need.kind !== 'refresh' || client === null) return decode(row, problemOf(need, row, nowMs, minimum))
      return renew({ ...row, now_ms: nowMs }, client, call).catch((error: unknown) => {
        call.signal.throwIfAborted()
        return toRowError(error)
      })
    } catch (error) {
      return toRowError(error)
    }
  }

  async function renew(row: ReadRow, client: OAuthClient, call: Call): Promise<OAuthAccessToken> {
    try {
      const fresh = await waitFor(refresher.refresh(row, client), call)
      const left = needOf(fresh, client.provider, fresh.now_ms, 0)
      const need: Need = left.kind === 'refresh' ? { kind: 'later', retryAfterMs: 1000 } : left
      return decode(fresh, problemOf(need, fresh, fresh.now_ms, 0))
    } catch (error) {
      call.signal.throwIfAborted()
      return decode(row, error instanceof CodedError ? error : unavailable(error))
    }
  }

  function decode(row: ReadRow, problem: CodedError | null): OAuthAccessToken {
    if (problem !== null) return decodeAnew(row, problem)
    const known = decoded.get(row)
    if (known !== undefined) return known
    const made = decodeAnew(row, null)
    decoded.set(row, made)
    return made
  }

  function decodeAnew(row: ReadRow, problem: CodedError | null): OAuthAccessToken {
    const health = healthOf(row)
    const { since, lastFailure, lastFailureAt } = health
    const details = {
      ...(since !== null && { state_since: since }),
      ...(lastFailure !== null && { last_failure: lastFailure }),
      ...(lastFailureAt !== null && { last_failure_at: lastFailureAt }),
    }
    return { ...decodeToken(row, keyring), health, problem: problem && withDetails(problem, details) }
  }

  /** Whether a read of the row is to be written down: it has not been lately, and counts for its refresh. */
  function isUseDue(row: ReadRow, client: OAuthClient | null, nowMs: number): client is OAuthClient {
    return nowMs - (row.last_used_ms ?? 0) >= USE_MS && client !== null && isRenewable(row, client.provider)
  }

  function noteUse(rows: readonly ReadRow[], nowMs: number): void {
    const noted = rows.flatMap((row) => {
      const client = clientOf(row)
      if (!isUseDue(row, client, nowMs)) return []
      const lifetimeMs = row.lifetime_seconds === null ? leftOf(row, nowMs) : row.lifetime_seconds * 1000
      const ageMs = row.issued_at_ms === null ? 0 : nowMs - row.issued_at_ms
      const life = { lifetimeMs: Number.isFinite(lifetimeMs) ? lifetimeMs : null, ageMs, isUsed: true }
      return [{ rowId: row.row_id, dueMs: dueIn(client.provider, life, Math.random()) }]
    })
    // Nobody waits for this, and a failure only lets an account rest.
    if (noted.length > 0) leases.touch(noted).catch(() => undefined)
  }

  /** The tokens of rows that have been decrypted and need nothing; undefined: something is to be done for one of them. */
  function atHand(rows: readonly ReadRow[], nowMs: number, minimum: number): readonly OAuthAccessToken[] | undefined {
    const known = answers.get(rows)
    if (known === undefined) return undefined
    for (const row of rows) {
      const client = clientOf(row)
      const need = needOf(row, client?.provider ?? null, nowMs, minimum)
      if (need.kind !== 'hand_out' || isUseDue(row, client, nowMs)) return undefined
      if (problemOf(need, row, nowMs, minimum) !== null) return undefined
    }
    return known
  }

  function answer(rows: readonly ReadRow[], shown: readonly (OAuthAccessToken | Error)[]) {
    const known = answers.get(rows)
    if (known?.every((token, n) => token === shown[n]) === true) return known
    // A damaged row hides no other of its key.
    const made = settleOrError(shown, (each) => {
      if (each instanceof Error) throw each
      return each
    })
    const isKept = !(made instanceof Error) && made.length === rows.length
    if (isKept && rows.every((row, n) => decoded.get(row) === made[n])) answers.set(rows, made)
    return made
  }

  /** Without a promise where every token of the key is at hand. */
  function read(key: TokenKey, rows: readonly ReadRow[], nowMs: number, call: Call) {
    const shown = allOf(rows.map((row) => show(row, nowMs, key, call)))
    return shown instanceof Promise ? shown.then((each) => answer(rows, each)) : answer(rows, shown)
  }

  return {
    async read(keys: readonly TokenKey[], call: Call) {
      const { nowMs, rows: found } = await reader.grants(keys, call)
      noteUse(found.flat(), nowMs)
      return allOf(keys.map((key, position) => read(key, found[position] ?? [], nowMs, call)))
    },
    /** As `Many.remembered`. */
    async remembered(call: Waiting) {
      const proved = await reader.remembered(call)
      if (proved === null) return null
      return (key: TokenKey): readonly OAuthAccessToken[] | undefined => {
        const rows = proved.rows(key)
        return rows && atHand(rows, proved.nowMs, key.minValiditySeconds)
      }
    },
  }
}

function toRowError(error: unknown): CodedError {
  return error instanceof CodedError ? error : damaged(error)
}

/** Waits as long as the caller can; a token that lives is handed out a moment before the deadline. */
async function waitFor(refreshed: Promise<ReadRow>, call: Call): Promise<ReadRow> {
  const leftMs = call.deadline() - monotonicMs() - MARGIN_MS
  if (!Number.isFinite(leftMs)) return raceSignal(refreshed, call.signal)
  // The refresh goes on, and its rejection has been heard.
  refreshed.catch(() => undefined)
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => {
      timeout.reject(new CodedError('UPSTREAM_TIMEOUT'))
    },
    Math.max(0, leftMs),
  )
  try {
    return await raceSignal(Promise.race([refreshed, timeout.promise]), call.signal)
  } finally {
    clearTimeout(timer)
  }
}

const codeOf: Readonly<Record<string, ConstructorParameters<typeof CodedError>[0]>> = {
  rate: 'UPSTREAM_RATE_LIMITED',
  client_bad: 'UPSTREAM_REJECTED',
  config: 'UPSTREAM_REJECTED',
  sealed: 'INTERNAL_SERVER_ERROR',
}

/** null: the token may be handed out. */
function problemOf(need: Need, row: ReadRow, nowMs: number, minimum: number): CodedError | null {
  if (need.kind === 'later') {
    const code = codeOf[row.last_error_class ?? ''] ?? 'UPSTREAM_UNAVAILABLE'
    return new CodedError(code, undefined, { retry_after_ms: Math.ceil(need.retryAfterMs) })
  }
  const livesLongEnough = leftOf(row, nowMs) > minimum * 1000
  const mayRenew = row.state === 'ACTIVE' || row.state === 'AMBIGUOUS'
  if (need.kind === 'over') return new CodedError('REAUTHORIZATION_REQUIRED')
  // Only a new consent makes a token live longer that nothing can refresh.
  return livesLongEnough || (mayRenew && row.refresh_token !== null) ? null : new CodedError('REAUTHORIZATION_REQUIRED')
}

function healthOf({
  state,
  state_since_ms: since,
  last_error_class: failure,
  last_error_ms: at,
}: ReadRow): AccountHealth {
  return {
    isExpiring: state === 'EXPIRING',
    since: toSeconds(since),
    lastFailure: failure,
    lastFailureAt: toSeconds(at),
  }
}

function toSeconds(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms / 1000)
}

function unavailable(cause: unknown): CodedError {
  return new CodedError('UPSTREAM_UNAVAILABLE', 'The vault could not be read.', {}, { cause })
}

function damaged(cause: unknown): CodedError {
  return new CodedError('INTERNAL_SERVER_ERROR', 'A stored account is damaged.', {}, { cause })
}
