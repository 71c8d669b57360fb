/**
 * The format of the audit: one JSON object per line, chained by hashes (docs/promises.md S13). Each record carries the
 * hash or the seal of the record before it, so that changing, removing, inserting or moving a record breaks the chain
 * there.
 */
import { createHmac, createSecretKey, hash, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Change, Decision, ReadableField } from '../auth/policy.ts'
import { parseJson } from '../lib/json.ts'
import { reveal } from '../lib/secret.ts'
import type { Secret } from '../lib/secret.ts'
import type { SecretField } from '../tokens/types.ts'

interface Stamped {
  /** ISO 8601, in UTC. */
  readonly time: string
}

/** What an operation decided, for every subject and account that it concerns: one record, or several where it is long. */
export interface OperationEntry extends Stamped {
  readonly event: 'operation'
  readonly request_id: string | null
  /** The trace id of W3C Trace Context (`traceparent`), where the caller sent one. */
  readonly trace_id: string | null
  readonly operation_name: string | null
  readonly viewer: 'anonymous' | 'user' | 'service'
  readonly viewer_id: string | null
  /** What authenticated the viewer: the id of the service whose key it was, or the issuer of the user's token. */
  readonly key_id: string | null
  readonly decisions: readonly RecordedDecision[]
}

/** One decision about fields at a provider, and the reads that it holds for. */
export interface RecordedDecision {
  /** `*`: the connected accounts at every provider that the viewer may know of; null: none was named. */
  readonly provider: string | null
  /** What was read, or the change that was asked for. */
  readonly fields: readonly (ReadableField | Change)[]
  readonly decision: 'allowed' | 'denied'
  readonly reason: Decision['reason']
  readonly reads: readonly RecordedRead[]
}

/** One subject, and one account where the decision came after it was known. */
export interface RecordedRead {
  /** null: denied before a subject was known. */
  readonly subject: string | null
  readonly account?: string
  /** Of an account whose id is longer than a record may hold: hexadecimal. */
  readonly account_sha256?: string
  /** Unix seconds: when the token expires. */
  readonly expires_at?: number | null
  /** Unix seconds: when this process got the token, from its platform or out of the vault. */
  readonly read_at?: number
  /** The keyed HMAC of each disclosed secret; empty without a key. */
  readonly fingerprints?: Readonly<Partial<Record<SecretField, string>>>
}

/** Tail recovery moved an incomplete last write aside before the chain continued. */
export interface RecoveryEntry extends Stamped {
  readonly event: 'recovery'
  readonly torn_bytes: number
  readonly torn_sha256: string
}

/** The first record of a run on a stream. */
export interface StartEntry extends Stamped {
  readonly event: 'start'
  readonly run: string
  /** Where the run before it was when it was last noted; null: nothing was noted. */
  readonly previous: RunHead | null
}

/** The last record of a run on a stream. A run without it crashed, or its end was cut off. */
export interface EndEntry extends Stamped {
  readonly event: 'end'
  readonly run: string
}

/** A record of a run. */
export interface RunHead extends ChainHead {
  readonly run: string
}

export type AuditEntry = OperationEntry | RecoveryEntry | StartEntry | EndEntry

/** The position of a chain: its last record. */
export interface ChainHead {
  /** Counts from 1; 0 for an empty chain. */
  readonly seq: number
  /** What the next record names as `prev`: the seal of the record, or its hash where it has none. Hexadecimal. */
  readonly hash: string
}

/** The part of a record that chains it: `prev` is the head that the record follows. */
export interface ChainRecord extends ChainHead {
  readonly prev: string
  /** Whether the audit key vouches for this record and for every record before it back to another one that is sealed. */
  readonly isSealed: boolean
  /** What begins or ends a run; null: another record. */
  readonly bound: StartEntry | EndEntry | null
}

/** The head of an empty chain. */
export const genesis: ChainHead = Object.freeze({ seq: 0, hash: '0'.repeat(64) })

/** Every record begins with this, which tells it from other lines of a stream. */
export const RECORD_START = '{"type":"audit",'
const VERSION_1_START = `${RECORD_START}"v":1,`

/**
 * The digests that the audit key makes. Without a key the chain shows damage, but anyone who can write the file can
 * forge it.
 */
export interface AuditKeys {
  /** Returns the digest that chained each record of version 1, in hexadecimal. */
  chain(text: string): string
  /** Returns the keyed HMAC of the hash of a record, which seals it and the records before it; null without a key. */
  seal(digest: string): string | null
  /** Returns the keyed HMAC by which a known token can be found in the records; null without a key. */
  fingerprint(value: Secret): string | null
}

export function createAuditKeys(key: Secret | null): AuditKeys {
  if (key === null) return { chain: (text) => hash('sha256', text, 'hex'), seal: () => null, fingerprint: () => null }
  const [chain, seal, fingerprint] = ['chain', 'seal', 'fingerprint'].map((use) => {
    const derived = deriveKey(key, `tokengraph audit ${use}`)
    return (text: string): string => createHmac('sha256', derived).update(text).digest('hex')
  }) as [(text: string) => string, (text: string) => string, (text: string) => string]
  return { chain, seal, fingerprint: (value) => fingerprint(reveal(value)) }
}

/**
 * HKDF (RFC 5869) with one key per use, so that a fingerprint is never a valid chain digest. Returns a key object:
 * Node prepares a key that is given as bytes for every HMAC, which takes six times as long as the HMAC itself.
 */
function deriveKey(key: Secret, info: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', reveal(key), '', info, 32)))
}

export interface ChainedLines {
  /** One line per entry, each with its line feed, in UTF-8. */
  readonly lines: Buffer
  /** The head after these lines. */
  readonly head: ChainHead
}

/** Characters after which records are sealed within one write, so that the end of a file always holds a seal. */
const SEAL_AFTER = 256 * 1024

/** Characters of a record beside its entry, at most. */
const MAX_CHAIN_LENGTH = 400
/** Bytes that a code unit of UTF-16 takes at most in UTF-8. */
const MAX_UNIT_BYTES = 3

/**
 * Chains entries, each the members of an object as JSON without its braces, after `head`. Each record has the SHA-256 of
 * its line, which shows where the chain was damaged; the last one of a write is sealed with the audit key, which vouches
 * for all of them. One HMAC for many operations: for each of them it would cost more than its record. `roomFor` returns a
 * buffer of that many bytes or more.
 */
export function chainEntries(
  entries: readonly string[],
  head: ChainHead,
  keys: AuditKeys,
  roomFor: (bytes: number) => Buffer = Buffer.allocUnsafe,
): ChainedLines {
  let { seq, hash: prev } = head
  let size = 0
  for (const { length } of entries) size += length * MAX_UNIT_BYTES + MAX_CHAIN_LENGTH
  // Written once, and hashed where it stands: records of many reads are long.
  const lines = roomFor(size)
  let end = 0
  let unsealed = 0
  for (const [n, entry] of entries.entries()) {
    seq += 1
    const start = end
    end += lines.write(`${RECORD_START}"v":2,"seq":${seq},"prev":"${prev}",`, end, 'latin1')
    end += lines.write(entry, end)
    const digest = hash('sha256', lines.subarray(start, end), 'hex')
    unsealed += end - start
    const seal = n === entries.length - 1 || unsealed >= SEAL_AFTER ? keys.seal(digest) : null
    if (seal !== null) unsealed = 0
    prev = seal ?? digest
    const sealed = seal === null ? '' : `,"seal":"${seal}"`
    end += lines.write(`,"hash":"${digest}"${sealed}}\n`, end, 'latin1')
  }
  return { lines: lines.subarray(0, end), head: { seq, hash: prev } }
}

/** `changed`: the record's own hash does not match; `forged`: its hash does, and its seal does not. */
export type RecordProblem =
  | { readonly problem: 'unreadable' | 'changed' }
  | { readonly problem: 'forged'; readonly prev: string }

// The digest is of the bytes of the line, so that another spelling of the same JSON does not pass.
const endOfRecord = /,"hash":"([0-9a-f]{64})"(?:,"seal":"([0-9a-f]{64})")?\}$/

/**
 * Parses and verifies one line without its line feed. Records of version 1 were each hashed with the key, which is a
 * seal of each. Without a key nothing is sealed, and seals cannot be verified.
 */
export function parseRecord(line: string, keys: AuditKeys): ChainRecord | RecordProblem {
  const end = endOfRecord.exec(line)
  const record = readChainFields(line)
  if (end === null || record === null) return { problem: 'unreadable' }
  const [, digest = '', seal = null] = end
  const body = line.slice(0, end.index)
  if (line.startsWith(VERSION_1_START))
    return seal === null && keys.chain(`${body}}`) === digest
      ? { ...record, hash: digest, isSealed: true }
      : { problem: 'changed' }
  if (hash('sha256', body, 'hex') !== digest) return { problem: 'changed' }
  const expected = keys.seal(digest)
  if (seal !== null && expected !== null && seal !== expected) return { problem: 'forged', prev: record.prev }
  return { ...record, hash: seal ?? digest, isSealed: seal !== null || expected === null }
}

function readChainFields(line: string): Omit<ChainRecord, 'hash' | 'isSealed'> | null {
  if (!line.startsWith(RECORD_START)) return null
  // A line that begins like a record is an object, or it is not JSON.
  const fields = parseJson(line) as Partial<Record<string, unknown>> | undefined
  if (fields === undefined) return null
  const { seq, prev } = fields
  if (!Number.isSafeInteger(seq) || typeof prev !== 'string') return null
  return { seq: seq as number, prev, bound: readBound(fields) }
}

function readBound(fields: Partial<Record<string, unknown>>): ChainRecord['bound'] {
  const { event, run, previous } = fields
  if ((event !== 'start' && event !== 'end') || typeof run !== 'string') return null
  const time = String(fields.time)
  return event === 'end' ? { event, time, run } : { event, time, run, previous: readRunHead(previous) }
}

/** The value as the head of a run, where it is one. */
export function readRunHead(value: unknown): RunHead | null {
  if (typeof value !== 'object' || value === null) return null
  const { run, seq, hash: digest } = value as Partial<Record<string, unknown>>
  if (typeof run !== 'string' || typeof digest !== 'string' || !Number.isSafeInteger(seq)) return null
  return { run, seq: seq as number, hash: digest }
}
