/** The decisions of one operation, gathered while it runs and written as one batch before its answer leaves. */
import type { Decision, ReadableField } from '../auth/policy.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Secret } from '../lib/secret.ts'
import { wireProvider } from '../tokens/ids.ts'
import type { SecretField } from '../tokens/types.ts'
import type { Audit } from './log.ts'
import type { DecisionEntry } from './record.ts'

/** What was decided about. */
export interface AuditedQuestion {
  readonly subject: string | null
  /** The bare name, or `*`; null: none was named. */
  readonly provider: string | null
  readonly field: ReadableField
}

/** Of which account, where that is known, and the secret that leaves. */
export interface AuditedAccount {
  readonly account: string
  /** Unix seconds. */
  readonly expires_at: number | null
  readonly value: Secret | null
}

export interface AuditTrail {
  record(question: AuditedQuestion, decision: Decision, about?: AuditedAccount): void
  /** Resolves when every decision so far is kept; until then nothing of the answer may leave. */
  commit(): Promise<void>
}

/** Who asked, and which request it was. */
export interface AuditedRequest {
  readonly viewer: Viewer
  readonly request_id?: string | undefined
  readonly operation_name?: string | undefined
  /** The header as it came. */
  readonly traceparent: string | null
}

/** The account's id comes from a platform; a record stays small enough to find the last one in a file. */
const MAX_ACCOUNT_LENGTH = 512

interface Row {
  readonly question: AuditedQuestion
  readonly decision: Decision
  readonly account: string | null
  readonly expires_at: number | null
  readonly fields: Set<ReadableField>
  readonly fingerprints: Partial<Record<SecretField, string>>
}

/** One row for each subject x provider x account x decision, with the fields that were asked for. */
export function createTrail(audit: Audit, request: AuditedRequest): AuditTrail {
  const rows = new Map<string, Row>()

  function record(question: AuditedQuestion, decision: Decision, about?: AuditedAccount): void {
    const { subject, provider, field } = question
    const account = about?.account.slice(0, MAX_ACCOUNT_LENGTH) ?? null
    // The account last: it alone may hold a line feed.
    const name = [subject, provider, decision.reason, decision.allowed, account].join('\n')
    const row = rows.get(name) ?? {
      question,
      decision,
      account,
      expires_at: about?.expires_at ?? null,
      fields: new Set(),
      fingerprints: {},
    }
    rows.set(name, row)
    row.fields.add(field)
    if (!decision.allowed || field === 'metadata' || about?.value == null) return
    const fingerprint = audit.keys.fingerprint(about.value)
    if (fingerprint !== null) row.fingerprints[field] = fingerprint
  }

  return {
    record,
    async commit() {
      const time = new Date().toISOString()
      const entries = withoutImplied([...rows.values()]).map((row) => describe(row, request, time))
      rows.clear()
      await audit.write(entries)
    },
  }
}

/** Reading a secret of an account says already that its metadata could be read. */
function withoutImplied(rows: readonly Row[]): readonly Row[] {
  const pair = ({ question }: Row): string => [question.subject, question.provider].join('\n')
  const disclosed = new Set(rows.filter((row) => row.decision.allowed && row.account !== null).map(pair))
  return rows.filter((row) => row.account !== null || !row.decision.allowed || !disclosed.has(pair(row)))
}

function describe(row: Row, request: AuditedRequest, time: string): DecisionEntry {
  const { subject, provider } = row.question
  const { viewer } = request
  return {
    time,
    event: 'decision',
    request_id: request.request_id ?? null,
    trace_id: traceId(request.traceparent),
    operation_name: request.operation_name ?? null,
    viewer: viewer.kind,
    ...idsOf(viewer),
    subject,
    provider: provider === null || provider === '*' ? provider : wireProvider(provider),
    account: row.account,
    fields: [...row.fields],
    decision: row.decision.allowed ? 'allowed' : 'denied',
    reason: row.decision.reason,
    expires_at: row.expires_at,
    fingerprints: row.fingerprints,
  }
}

function idsOf(viewer: Viewer): Pick<DecisionEntry, 'viewer_id' | 'key_id'> {
  switch (viewer.kind) {
    case 'anonymous':
      return { viewer_id: null, key_id: null }
    case 'user':
      return { viewer_id: viewer.user_id, key_id: viewer.issuer }
    case 'service':
      return { viewer_id: viewer.id, key_id: viewer.id }
  }
}

/** W3C Trace Context section 3.2: version `ff` and a trace of zeros are not valid; other versions keep the place. */
function traceId(traceparent: string | null): string | null {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/.exec(traceparent ?? '')
  const [, version = 'ff', trace_id = ''] = match ?? []
  return version === 'ff' || /^0+$/.test(trace_id) ? null : trace_id
}
