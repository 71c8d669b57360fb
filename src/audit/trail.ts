/** The decisions of one operation: collected while it runs, written as one batch before the answer is sent. */
import { hash } from 'node:crypto'
import type { Decision, ReadableField } from '../auth/policy.ts'
import type { Viewer } from '../auth/viewer.ts'
import { isoNow } from '../lib/clock.ts'
import type { Secret } from '../lib/secret.ts'
import { wireProvider } from '../tokens/ids.ts'
import type { SecretField } from '../tokens/types.ts'
import type { Audit } from './log.ts'
import type { DecisionEntry } from './record.ts'

/** What a decision is about. `subject` and `provider` as in `DecisionEntry`. */
export interface AuditedAccess {
  readonly subject: string | null
  /** The bare name, or `*`; null: none was named. */
  readonly provider: string | null
  readonly field: ReadableField
}

/** The account, where it is known, and the secret that the answer discloses. */
export interface AuditedAccount {
  readonly account: string
  /** Unix seconds. */
  readonly expiresAt: number | null
  readonly value: Secret | null
}

export interface AuditTrail {
  record(access: AuditedAccess, decision: Decision, about?: AuditedAccount): void
  /** Resolves when every decision so far is written. Nothing of the answer may be sent before. */
  commit(): Promise<void>
}

/** The operation that the decisions belong to, and its caller. */
export interface AuditedOperation {
  readonly viewer: Viewer
  readonly requestId: string | null
  readonly operationName: string | null
  /** Of W3C Trace Context. */
  readonly traceId: string | null
}

/** Platforms choose account ids. The bound keeps a record small enough for tail recovery (`sink-file.ts`). */
const MAX_ACCOUNT_LENGTH = 512

interface Row {
  readonly access: AuditedAccess
  readonly decision: Decision
  /** As the platform wrote it, however long. */
  readonly account: string | null
  expiresAt: number | null
  readonly fields: Set<ReadableField>
  /** Whether a secret of this row left. */
  hasSecret: boolean
  readonly fingerprints: Partial<Record<SecretField, string>>
}

/**
 * Creates the trail of one operation: one row per subject, provider, account and decision, with its fields. A second
 * token of an account is a row of its own, so that every secret that leaves has its fingerprint.
 */
export function createTrail(audit: Audit, operation: AuditedOperation): AuditTrail {
  const rows = new Map<string, Row[]>()

  function record(access: AuditedAccess, decision: Decision, about?: AuditedAccount): void {
    const { subject, provider, field } = access
    const account = about?.account ?? null
    // The account comes last: it is the only part that may contain a line feed.
    const key = [subject, provider, decision.reason, decision.allowed, account].join('\n')
    let known = rows.get(key)
    if (known === undefined) rows.set(key, (known = []))
    const value = decision.allowed && field !== 'metadata' ? (about?.value ?? null) : null
    const secret = value === null || field === 'metadata' ? null : { field, fingerprint: audit.keys.fingerprint(value) }
    const expiresAt = about?.expiresAt ?? null
    const fits = (row: Row): boolean => {
      if (secret === null || !row.hasSecret) return true
      const before = row.fingerprints[secret.field]
      return row.expiresAt === expiresAt && (before === undefined || before === secret.fingerprint)
    }
    let row = known.find(fits)
    if (row === undefined) {
      row = { access, decision, account, expiresAt, fields: new Set(), hasSecret: false, fingerprints: {} }
      known.push(row)
    }
    row.fields.add(field)
    if (secret === null) return
    if (!row.hasSecret) row.expiresAt = expiresAt
    row.hasSecret = true
    if (secret.fingerprint !== null) row.fingerprints[secret.field] = secret.fingerprint
  }

  return {
    record,
    async commit() {
      const time = isoNow()
      const entries = withoutImplied([...rows.values()].flat()).map((row) => toEntry(row, operation, time))
      rows.clear()
      await audit.write(entries)
    },
  }
}

/** Drops a metadata row without an account where a row with an account implies it. */
function withoutImplied(rows: readonly Row[]): readonly Row[] {
  const pairOf = ({ access }: Row): string => [access.subject, access.provider].join('\n')
  const disclosed = new Set(rows.filter((row) => row.decision.allowed && row.account !== null).map(pairOf))
  return rows.filter((row) => row.account !== null || !row.decision.allowed || !disclosed.has(pairOf(row)))
}

function toEntry(row: Row, operation: AuditedOperation, time: string): DecisionEntry {
  const { subject, provider } = row.access
  const { viewer } = operation
  return {
    time,
    event: 'decision',
    request_id: operation.requestId,
    trace_id: operation.traceId,
    operation_name: operation.operationName,
    viewer: viewer.kind,
    ...idsOf(viewer),
    subject,
    provider: provider === null || provider === '*' ? provider : wireProvider(provider),
    account: row.account?.slice(0, MAX_ACCOUNT_LENGTH) ?? null,
    ...(row.account !== null &&
      row.account.length > MAX_ACCOUNT_LENGTH && { account_sha256: hash('sha256', row.account, 'hex') }),
    fields: [...row.fields],
    decision: row.decision.allowed ? 'allowed' : 'denied',
    reason: row.decision.reason,
    expires_at: row.expiresAt,
    fingerprints: row.fingerprints,
  }
}

function idsOf(viewer: Viewer): Pick<DecisionEntry, 'viewer_id' | 'key_id'> {
  switch (viewer.kind) {
    case 'anonymous':
      return { viewer_id: null, key_id: null }
    case 'user':
      return { viewer_id: viewer.userId, key_id: viewer.issuer }
    case 'service':
      return { viewer_id: viewer.id, key_id: viewer.id }
  }
}
