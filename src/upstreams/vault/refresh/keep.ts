/**
 * New tokens on their way into the database. Of two answers to one refresh token, the one that was asked for later is the
 * live one, whoever writes first; what the database does not take waits in the spool.
 */
import { hash } from 'node:crypto'
import { CodedError, monotonicMs, reveal } from '../../kit.ts'
import type { Secret, UpstreamDeps } from '../../kit.ts'
import type { Outbox } from '../disconnect/outbox.ts'
import type { Keyring, RowIdentity } from '../store/crypto.ts'
import type { Reader, ReadRow } from '../store/read.ts'
import { openSecrets, sealSecrets } from '../store/rows.ts'
import type { OpenSecrets } from '../store/rows.ts'
import type { Fresh, FreshLife, Leases } from './leases.ts'
import type { Spool, Spooled } from './spool.ts'

export interface KeeperDeps {
  readonly reader: Reader
  readonly leases: Leases
  readonly spool: Spool
  readonly keyring: Keyring
  /** Takes the tokens of accounts that were removed meanwhile, and revokes them. */
  readonly outbox: Pick<Outbox, 'addLate'>
  readonly warn: NonNullable<UpstreamDeps['warn']>
}

export interface Keeper {
  /** The row that counts from now on: with these tokens, or with those of somebody who came later. */
  keep(row: ReadRow, secrets: OpenSecrets, life: FreshLife, dueMs: number | null): Promise<ReadRow>
  /** The tokens of the row that wait in the spool, in place; null: none do. */
  spooled(row: ReadRow): ReadRow | null
  /** Moves spooled tokens into the database. Rejects where it does not take them; they stay in the spool. */
  drain(): Promise<void>
  /** The row as it is now; null: it is gone. */
  again(row: Pick<ReadRow, 'row_id'>): Promise<ReadRow | null>
}

/** Milliseconds that a read may take after an answer has come. */
const READING_MS = 5000

export function createKeeper({ reader, leases, spool, keyring, outbox, warn }: KeeperDeps): Keeper {
  function again(row: Pick<ReadRow, 'row_id'>): Promise<ReadRow | null> {
    const until = monotonicMs() + READING_MS
    return reader.row(row.row_id, { deadline: () => until })
  }

  function sealFor(row: ReadRow, secrets: OpenSecrets, life: FreshLife): Fresh {
    return { ...life, ...sealSecrets(secrets, { ...row, generation: row.generation + 1 }, keyring) }
  }

  /** Into the database, or into the spool where it does not take them. Returns the row that counts from now on. */
  async function keep(row: ReadRow, secrets: OpenSecrets, life: FreshLife, dueMs: number | null): Promise<ReadRow> {
    const entry = { identity: identityOf(row), fresh: sealFor(row, secrets, life), dueMs }
    try {
      return await commit(entry, row)
    } catch (error) {
      if (error instanceof CodedError && error.code === 'REAUTHORIZATION_REQUIRED') throw error
      const isOnDisk = spool.put(entry)
      warn('new tokens could not be stored and wait in the spool', {
        ...placeOf(row),
        on_disk: isOnDisk ? 'yes' : 'no: they are lost if this process ends',
      })
      return asRow(row, entry)
    }
  }

  async function commit(entry: Spooled, row: ReadRow): Promise<ReadRow> {
    if (await leases.commit(entry.identity, entry.fresh, entry.dueMs)) return asRow(row, entry)
    const current = await again(row)
    if (current === null) return giveUp(entry)
    // Of two answers to one refresh token, the one that was asked for later is the live one.
    const { source_digest: source, source_started_ms: startedMs } = entry.fresh
    const isOvertaken =
      current.source_digest === source ? (current.source_started_ms ?? 0) >= startedMs : !holds(current, source)
    if (isOvertaken) {
      warn('new tokens came too late: others were stored meanwhile', placeOf(row))
      return current
    }
    const opened = openSecrets({ ...row, ...entry.fresh, generation: entry.identity.generation + 1 }, keyring)
    const fresh = sealFor(current, opened, lifeOf(entry.fresh))
    return commit({ ...entry, identity: identityOf(current), fresh }, current)
  }

  /** Whether the row still has what was presented: an import changed the account, and not its refresh token. */
  function holds(row: ReadRow, source: string): boolean {
    const { refresh_token, token } = openSecrets(row, keyring)
    return [refresh_token, token].some((presented) => presented !== null && digestOf(row, presented) === source)
  }

  /** The account was removed while its refresh was under way: what came back is live, and nobody holds it any more. */
  async function giveUp({ identity, fresh }: Spooled): Promise<never> {
    await outbox.addLate({ ...identity, ...fresh, generation: identity.generation + 1 })
    throw new CodedError('REAUTHORIZATION_REQUIRED')
  }

  return {
    keep,
    again,
    spooled(row) {
      const entry = spool.get(row.row_id)
      return entry === null ? null : asRow(row, entry)
    },
    async drain() {
      for (const entry of spool.entries()) {
        const row = await again(entry.identity)
        try {
          await (row === null ? giveUp(entry) : commit(entry, row))
        } catch (error) {
          if (!(error instanceof CodedError)) throw error
        }
        spool.remove(entry.identity.row_id)
      }
    },
  }
}

/** Names what was presented for new tokens, in columns that are not sealed. */
export function digestOf({ row_id }: Pick<ReadRow, 'row_id'>, presented: Secret): string {
  return hash('sha256', JSON.stringify([row_id, reveal(presented)]), 'base64url')
}

function identityOf({ row_id, user_id, provider, external_account_id, generation }: ReadRow): RowIdentity {
  return { row_id, user_id, provider, external_account_id, generation }
}

/** The row with the tokens that an entry holds. */
function asRow(row: ReadRow, { identity, fresh }: Spooled): ReadRow {
  return {
    ...row,
    ...fresh,
    generation: identity.generation + 1,
    state: 'ACTIVE',
    state_reason: null,
    next_attempt_ms: null,
  }
}

/** The plain columns of tokens, out of a row or an entry. */
export function lifeOf(
  row: Pick<
    ReadRow,
    | 'expires_at'
    | 'scopes'
    | 'issued_at_ms'
    | 'lifetime_seconds'
    | 'refresh_expires_at'
    | 'source_digest'
    | 'source_started_ms'
  >,
) {
  const { expires_at, scopes, issued_at_ms, lifetime_seconds, refresh_expires_at, source_digest, source_started_ms } =
    row
  return {
    expires_at,
    scopes,
    issued_at_ms: issued_at_ms ?? 0,
    lifetime_seconds,
    refresh_expires_at,
    source_digest: source_digest ?? '',
    source_started_ms: source_started_ms ?? 0,
  }
}

/** A row in messages. */
export function placeOf({ row_id, provider }: Pick<ReadRow, 'row_id' | 'provider'>) {
  return { row_id, provider }
}
