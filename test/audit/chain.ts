/** Helpers for the tests of the audit: entries, keys, and a chain on disk. */
import { readFileSync } from 'node:fs'
import { createAudit } from '../../src/audit/log.ts'
import type { Audit } from '../../src/audit/log.ts'
import { createAuditKeys } from '../../src/audit/record.ts'
import type { AuditKeys, DecisionEntry } from '../../src/audit/record.ts'
import { openFileSink } from '../../src/audit/sink-file.ts'
import type { FileSinkOptions } from '../../src/audit/sink-file.ts'
import { verifyFiles } from '../../src/audit/verify.ts'
import { secret } from '../../src/lib/secret.ts'

export const auditKey = 'invented-audit-key-0123456789abcdef'
export const keys = createAuditKeys(secret(auditKey))

/** A decision about `account`, which identifies a record in a test. */
export function entryOf(account: string): DecisionEntry {
  return {
    time: '2026-01-01T00:00:00.000Z',
    event: 'decision',
    request_id: 'invented-request-1',
    trace_id: null,
    operation_name: null,
    viewer: 'service',
    viewer_id: 'reader',
    key_id: 'reader',
    subject: 'user_1',
    provider: 'oauth_google',
    account,
    fields: ['token'],
    decision: 'allowed',
    reason: 'grant',
    expires_at: null,
    fingerprints: {},
  }
}

export async function openFileAudit(
  path: string,
  given: Partial<FileSinkOptions> = {},
  chainKeys: AuditKeys = keys,
): Promise<Audit> {
  const sink = await openFileSink({ path, max_bytes: 1_000_000, keep: null, fsync: false, ...given }, chainKeys)
  const audit = createAudit(sink, chainKeys)
  await audit.write(sink.recovered)
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

export interface Recorded extends DecisionEntry {
  readonly seq: number
}

/** The records of a file, without the first `skip`. */
export function recordsOf(path: string, skip = 0): Recorded[] {
  return linesOf(path)
    .slice(skip)
    .map((line) => JSON.parse(line) as Recorded)
}
