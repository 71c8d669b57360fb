/** The decisions of one operation: collected while it runs, written as one batch before the answer is sent. */
import { hash } from 'node:crypto'
import { changes } from '../auth/policy.ts'
import type { Change, Decision, ReadableField } from '../auth/policy.ts'
import type { Viewer } from '../auth/viewer.ts'
import { reveal } from '../lib/secret.ts'
import { isoNow } from '../lib/time.ts'
import { wireProvider } from '../tokens/ids.ts'
import { secretFields } from '../tokens/types.ts'
import type { SecretField, SubjectToken } from '../tokens/types.ts'
import type { Audit } from './log.ts'
import type { AuditKeys, OperationEntry, RecordedDecision, RecordedRead } from './record.ts'

/** What a decision is about that comes before an account is known. */
export interface AuditedAccess {
  /** null: no subject is known. */
  readonly subject: string | null
  /** The bare name, or `*`; null: none was named. */
  readonly provider: string | null
}

export interface AuditTrail {
  /** A decision about what is no secret, before an account is known. */
  record(access: AuditedAccess, decision: Decision): void
  /** A decision about a change of an account; null where it is not known yet which. */
  recordChange(access: AuditedAccess & { readonly account: string | null }, change: Change, decision: Decision): void
  /** A decision about secrets of a token: those that leave where it allows. */
  recordToken(token: SubjectToken, fields: FieldSet, decision: Decision): void
  /**
   * Resolves when every decision so far is written; null where there is none. Nothing of the answer may be sent before.
   * Throws and rejects when they are not written.
   */
  commit(): Promise<void> | null
}

/** The operation that the decisions belong to, and its caller. */
export interface AuditedOperation {
  readonly viewer: Viewer
  readonly requestId: string | null
  readonly operationName: string | null
  /** Of W3C Trace Context. */
  readonly traceId: string | null
}

/** Secret fields as bits, in the order of `secretFields`; 0: the metadata alone. */
export type FieldSet = number

export function fieldSet(field: SecretField): FieldSet {
  return 1 << secretFields.indexOf(field)
}

const fieldsOf: readonly (readonly ReadableField[])[] = Array.from({ length: 1 << secretFields.length }, (_, set) =>
  set === 0 ? ['metadata'] : secretFields.filter((field) => (set & fieldSet(field)) !== 0),
)

const secretsOf: readonly (readonly SecretField[])[] = fieldsOf.map((_, set) =>
  secretFields.filter((field) => (set & fieldSet(field)) !== 0),
)

/** A change is a bit of its own, after those of the secrets. */
function changeSet(change: Change): FieldSet {
  return 1 << (secretFields.length + changes.indexOf(change))
}

function namesOf(set: FieldSet): readonly (ReadableField | Change)[] {
  return fieldsOf[set] ?? changes.filter((change) => set === changeSet(change))
}

/** The secrets of a set. */
export function secretsIn(set: FieldSet): readonly SecretField[] {
  return secretsOf[set] ?? []
}

/** Platforms choose account ids. The bound keeps a read small. */
const MAX_ACCOUNT_LENGTH = 512
/** Characters of the reads of one record. What is longer goes into several: the tail of a file holds any record. */
const MAX_RECORD_LENGTH = 48 * 1024

/** The decisions with one outcome about one account of a subject at a provider. */
interface Row {
  decision: Decision
  /** null: decided before an account was known. */
  token: SubjectToken | null
  /** Of a change; null: no account was named. */
  readonly account: string | null
  fields: FieldSet
  /** Of the same subject and provider, recorded after it. */
  next: Row | null
}

/** By provider and subject: the first row. */
type Rows = ReadonlyMap<string | null, ReadonlyMap<string | null, Row>>

/**
 * Creates the trail of one operation: one row per subject, provider, account and decision, with its fields. A second
 * token of an account is a row of its own, so that every secret that leaves has its fingerprint. A read of the metadata
 * has none where a read of an account implies it.
 */
export function createTrail(audit: Audit, operation: AuditedOperation): AuditTrail {
  const rows = new Map<string | null, Map<string | null, Row>>()

  function add(provider: string | null, subject: string | null, row: Row): void {
    let bySubject = rows.get(provider)
    if (bySubject === undefined) rows.set(provider, (bySubject = new Map<string | null, Row>()))
    let last = bySubject.get(subject)
    if (last === undefined) bySubject.set(subject, row)
    else {
      while (last.next !== null) last = last.next
      last.next = row
    }
  }

  const first = (provider: string | null, subject: string | null): Row | null =>
    rows.get(provider)?.get(subject) ?? null

  return {
    record({ subject, provider }, decision) {
      for (let row = first(provider, subject); row !== null; row = row.next) {
        const isImplied = decision.allowed && row.token !== null && row.decision.allowed
        if (isImplied || (isMetadata(row) && row.decision.reason === decision.reason)) return
      }
      add(provider, subject, { decision, token: null, account: null, fields: 0, next: null })
    },
    recordChange({ subject, provider, account }, change, decision) {
      add(provider, subject, { decision, token: null, account, fields: changeSet(change), next: null })
    },
    recordToken(token, fields, decision) {
      const { provider } = token.token
      let implied: Row | null = null
      for (let row = first(provider, token.subject); row !== null; row = row.next) {
        if (isMetadata(row)) {
          if (row.decision.allowed && decision.allowed) implied = row
        } else if (row.token !== null && row.decision.reason === decision.reason && isSameToken(row.token, token)) {
          row.fields |= fields
          return
        }
      }
      if (implied === null) add(provider, token.subject, { decision, token, account: null, fields, next: null })
      else {
        implied.decision = decision
        implied.token = token
        implied.fields = fields
      }
    },
    commit() {
      if (rows.size === 0) return null
      const entries = toEntries(rows, operation, audit.keys)
      rows.clear()
      return audit.write(entries)
    },
  }
}

/** Whether a row is about what is no secret, before an account was known. */
function isMetadata({ token, fields }: Row): boolean {
  return token === null && fields === 0
}

function isSameToken(a: SubjectToken, b: SubjectToken): boolean {
  if (a === b) return true
  const [one, other] = [a.token, b.token]
  return (
    one.external_account_id === other.external_account_id &&
    one.expires_at === other.expires_at &&
    secretFields.every((field) => valueOf(a, field) === valueOf(b, field))
  )
}

function valueOf({ token }: SubjectToken, field: SecretField): string | null {
  const value = token[field]
  return value === null ? null : reveal(value)
}

/** The reads that one decision holds for, as JSON. */
interface Group {
  readonly fieldSet: FieldSet
  readonly reason: Decision['reason']
  /** A `RecordedDecision` up to its reads. */
  readonly start: string
  readonly reads: string[]
}

/** The texts of the entries of one operation (`entryText`): one, unless it has more reads than a record holds. */
function toEntries(rows: Rows, operation: AuditedOperation, keys: AuditKeys): readonly string[] {
  const head = headText(operation)
  const entries: string[] = []
  let decisions = ''
  const flush = (): void => {
    if (decisions !== '') entries.push(`${head},"decisions":[${decisions}]`)
    decisions = ''
  }
  for (const [provider, bySubject] of rows)
    for (const { reads, start } of groupsOf(provider, bySubject, keys)) {
      let texts = ''
      const close = (): void => {
        decisions += `${decisions === '' ? '' : ','}${start},"reads":[${texts}]}`
        texts = ''
      }
      for (const read of reads) {
        texts += texts === '' ? read : `,${read}`
        if (decisions.length + texts.length < MAX_RECORD_LENGTH) continue
        close()
        flush()
      }
      if (texts !== '') close()
    }
  flush()
  return entries
}

function groupsOf(
  provider: string | null,
  bySubject: ReadonlyMap<string | null, Row>,
  keys: AuditKeys,
): readonly Group[] {
  const groups: Group[] = []
  let last: Group | undefined
  bySubject.forEach((first, subject) => {
    for (let row: Row | null = first; row !== null; row = row.next) {
      const { decision, token, account, fields } = row
      if (last?.fieldSet !== fields || last.reason !== decision.reason) {
        last = groups.find((group) => group.fieldSet === fields && group.reason === decision.reason)
        if (last === undefined) groups.push((last = newGroup(provider, fields, decision)))
      }
      last.reads.push(
        token === null ? JSON.stringify(toNamed(subject, account)) : readText(token, fields, decision, keys),
      )
    }
  })
  return groups
}

function newGroup(provider: string | null, fields: FieldSet, { allowed, reason }: Decision): Group {
  const decided: Omit<RecordedDecision, 'reads'> = {
    provider: provider === null || provider === '*' ? provider : wireProvider(provider),
    fields: namesOf(fields),
    decision: allowed ? 'allowed' : 'denied',
    reason,
  }
  return { fieldSet: fields, reason, start: openText(decided), reads: [] }
}

/** The read of a token as JSON. Where secrets leave, it is made once and kept with the token: an HMAC for each of them. */
function readText(held: SubjectToken, fields: FieldSet, { allowed }: Decision, keys: AuditKeys): string {
  if (!allowed) return JSON.stringify(toRead(held, {}))
  return (held.auditTexts[fields] ??= JSON.stringify(toRead(held, fingerprintsOf(held, fields, keys))))
}

function fingerprintsOf({ token }: SubjectToken, fields: FieldSet, keys: AuditKeys): RecordedRead['fingerprints'] {
  const fingerprints: Partial<Record<SecretField, string>> = {}
  for (const field of secretFields) {
    const value = (fields & fieldSet(field)) === 0 ? null : token[field]
    const fingerprint = value === null ? null : keys.fingerprint(value)
    if (fingerprint !== null) fingerprints[field] = fingerprint
  }
  return fingerprints
}

/** What was decided by names alone. */
function toNamed(subject: string | null, account: string | null): RecordedRead {
  return account === null ? { subject } : { subject, ...accountNames(account) }
}

function accountNames(account: string): Pick<RecordedRead, 'account' | 'account_sha256'> {
  return {
    account: account.slice(0, MAX_ACCOUNT_LENGTH),
    ...(account.length > MAX_ACCOUNT_LENGTH && { account_sha256: hash('sha256', account, 'hex') }),
  }
}

function toRead({ subject, token, readAt }: SubjectToken, fingerprints: RecordedRead['fingerprints']): RecordedRead {
  return {
    subject,
    ...accountNames(token.external_account_id),
    expires_at: token.expires_at,
    read_at: readAt,
    fingerprints,
  } as RecordedRead
}

/** An object as JSON that further members may follow. */
function openText(value: object): string {
  return JSON.stringify(value).slice(0, -1)
}

/** The text of an `OperationEntry` up to its decisions. */
function headText({ viewer, requestId, operationName, traceId }: AuditedOperation): string {
  const own: Omit<OperationEntry, 'decisions' | keyof ViewerNames> = {
    time: isoNow(),
    event: 'operation',
    request_id: requestId,
    trace_id: traceId,
    operation_name: operationName,
  }
  return `${openText(own).slice(1)},${viewerText(viewer)}`
}

type ViewerNames = Pick<OperationEntry, 'viewer' | 'viewer_id' | 'key_id'>

/** The viewer of a service is the same object in all of its requests. */
const viewerTexts = new WeakMap<Viewer, string>()

function viewerText(viewer: Viewer): string {
  const known = viewerTexts.get(viewer)
  if (known !== undefined) return known
  const names: ViewerNames = { viewer: viewer.kind, ...idsOf(viewer) }
  const text = openText(names).slice(1)
  if (viewer.kind === 'service') viewerTexts.set(viewer, text)
  return text
}

function idsOf(viewer: Viewer): Pick<OperationEntry, 'viewer_id' | 'key_id'> {
  switch (viewer.kind) {
    case 'anonymous':
      return { viewer_id: null, key_id: null }
    case 'user':
      return { viewer_id: viewer.userId, key_id: viewer.issuer }
    case 'service':
      return { viewer_id: viewer.id, key_id: viewer.id }
  }
}
