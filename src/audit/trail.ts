/** The decisions of one operation: collected while it runs, written as one batch before the answer is sent. */
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
  readonly account: string | null
  readonly expiresAt: number | null
  readonly fields: Set<ReadableField>
  readonly fingerprints: Partial<Record<SecretField, string>>
}

/** Creates the trail of one operation: one row per subject, provider, account and decision, with its fields. */
export function createTrail(audit: Audit, operation: AuditedOperation): AuditTrail {
  const rows = new Map<string, Row>()

  function record(access: AuditedAccess, decision: Decision, about?: AuditedAccount): void {
    const { subject, provider, field } = access
    const account = about?.account.slice(0, MAX_ACCOUNT_LENGTH) ?? null
    // The account comes last: it is the only part that may contain a line feed.
    const key = [subject, provider, decision.reason, decision.allowed, account].join('\n')
    const row = rows.get(key) ?? {
      access,
      decision,
      account,
      expiresAt: about?.expiresAt ?? null,
      fields: new Set(),
      fingerprints: {},
    }
    rows.set(key, row)
    row.fields.add(field)
    if (!decision.allowed || field === 'metadata' || about?.value == null) return
    const fingerprint = audit.keys.fingerprint(about.value)
    if (fingerprint !== null) row.fingerprints[field] = fingerprint
  }

  return {
    record,
    async commit() {
      const time = isoNow()
      const entries = withoutImplied([...rows.values()]).map((row) => toEntry(row, operation, time))
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
    account: row.account,
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
