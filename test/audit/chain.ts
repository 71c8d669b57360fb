/** Helpers for the tests of the audit: entries, keys, and a chain on disk. */
import { readFileSync } from 'node:fs'
import { createAudit, entryText } from '../../src/audit/log.ts'
import type { Audit } from '../../src/audit/log.ts'
import { createAuditKeys } from '../../src/audit/record.ts'
import type { AuditKeys, OperationEntry, RecordedDecision, RecordedRead } from '../../src/audit/record.ts'
import { openFileSink } from '../../src/audit/sink-file.ts'
import type { FileSinkOptions } from '../../src/audit/sink-file.ts'
import { verifyFiles } from '../../src/audit/verify.ts'
import { secret } from '../../src/lib/secret.ts'

export const auditKey = 'invented-audit-key-0123456789abcdef'
export const keys = createAuditKeys(secret(auditKey))

/** A read of `account`, which identifies a record in a test. */
export function entryOf(account: string): string {
  return entryText({
    time: '2026-01-01T00:00:00.000Z',
    event: 'operation',
    request_id: 'invented-request-1',
    trace_id: null,
    operation_name: null,
    viewer: 'service',
    viewer_id: 'reader',
    key_id: 'reader',
    decisions: [
      {
        provider: 'oauth_google',
        fields: ['token'],
        decision: 'allowed',
        reason: 'grant',
        reads: [{ subject: 'user_1', account, expires_at: null, read_at: 1_700_000_000, fingerprints: {} }],
      },
    ],
  })
}

export async function openFileAudit(
  path: string,
  given: Partial<FileSinkOptions> = {},
  chainKeys: AuditKeys = keys,
): Promise<Audit> {
  const sink = await openFileSink({ path, max_bytes: 1_000_000, keep: null, fsync: false, ...given }, chainKeys)
  const audit = createAudit(sink, chainKeys)
  await audit.write(sink.recovered.map(entryText))
  return audit
}

/** Writes one record per account, each in its own write. */
export async function writeRecords(
  path: string,
  accounts: readonly string[],
  given: Partial<FileSinkOptions> = {},
): Promise<void> {
  const audit = await openFileAudit(path, given)
  for (const account of accounts) await audit.write([entryOf(account)])
  await audit.close()
}

export const verify = (files: readonly string[], options: { partial?: boolean; stream?: boolean } = {}) =>
  verifyFiles(files, keys, { partial: false, stream: false, ...options })

/** The lines of a file, without their line feeds. */
export function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

/** One read of one decision, with what its record says of the operation; of version 1 a record. */
export interface Recorded extends Omit<OperationEntry, 'decisions' | 'event'>, Omit<RecordedDecision, 'reads'> {
  readonly event: string
  readonly seq: number
  readonly subject: string | null
  readonly account: string | null
  readonly account_sha256?: string
  readonly expires_at: number | null
  readonly fingerprints: NonNullable<RecordedRead['fingerprints']>
}

const unread = { account: null, expires_at: null, fingerprints: {} }

/** The reads in the lines of a file, and its other records as they are; without the first `skip`. */
export function recordsOf(path: string, skip = 0): Recorded[] {
  return linesOf(path).flatMap(readsIn).slice(skip)
}

/** The reads in one record. */
export function readsIn(line: string): Recorded[] {
  const { decisions, ...record } = JSON.parse(line) as Omit<OperationEntry, 'event'> & {
    readonly event: string
    readonly seq: number
  }
  if (record.event !== 'operation') return [record as unknown as Recorded]
  return decisions.flatMap(({ reads, ...decision }) =>
    reads.map((read) => ({ ...record, ...decision, ...unread, ...read })),
  )
}
