/**
 * The format of the audit: one JSON object per line, chained by hashes (docs/promises.md S13). Each record carries the
 * digest of the record before it, so that changing, removing, inserting or moving a record breaks the chain there.
 */
import { createHmac, createSecretKey, hash, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Decision, ReadableField } from '../auth/policy.ts'
import { parseJson } from '../lib/json.ts'
import { reveal } from '../lib/secret.ts'
import type { Secret } from '../lib/secret.ts'
import type { SecretField } from '../tokens/types.ts'

interface Stamped {
  /** ISO 8601, in UTC. */
  readonly time: string
}

/** One subject, provider, account and decision of one operation. */
export interface DecisionEntry extends Stamped {
  readonly event: 'decision'
  readonly request_id: string | null
  /** The trace id of W3C Trace Context (`traceparent`), where the caller sent one. */
  readonly trace_id: string | null
  readonly operation_name: string | null
  readonly viewer: 'anonymous' | 'user' | 'service'
  readonly viewer_id: string | null
  /** What authenticated the viewer: the id of the service whose key it was, or the issuer of the user's token. */
  readonly key_id: string | null
  /** null: denied before a subject was known. */
  readonly subject: string | null
  /** `*`: the connected accounts at every provider that the viewer may know of. */
  readonly provider: string | null
  /** null: decided before an account was known. */
  readonly account: string | null
  /** Of an account whose id is longer than a record may hold: hexadecimal. */
  readonly account_sha256?: string
  readonly fields: readonly ReadableField[]
  readonly decision: 'allowed' | 'denied'
  readonly reason: Decision['reason']
  /** Unix seconds: when the disclosed token expires. */
  readonly expires_at: number | null
  /** The keyed HMAC of each disclosed secret; empty without a key. */
  readonly fingerprints: Readonly<Partial<Record<SecretField, string>>>
}

/** Tail recovery moved an incomplete last line aside before the chain continued. */
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

export type AuditEntry = DecisionEntry | RecoveryEntry | StartEntry | EndEntry

/** The position of a chain: its last record. */
export interface ChainHead {
  /** Counts from 1; 0 for an empty chain. */
  readonly seq: number
  /** Hexadecimal. */
  readonly hash: string
}

/** The part of a record that chains it: `prev` is the hash of the record before it. */
export interface ChainRecord extends ChainHead {
  readonly prev: string
  /** What begins or ends a run; null: another record. */
  readonly bound: StartEntry | EndEntry | null
}

/** The head of an empty chain. */
export const genesis: ChainHead = Object.freeze({ seq: 0, hash: '0'.repeat(64) })

/** Every record begins with this, which tells it from other lines of a stream. */
export const RECORD_START = '{"type":"audit",'

/**
 * The digests that the audit key makes. Without a key the chain shows damage, but anyone who can write the file can
 * forge it.
 */
export interface AuditKeys {
  /** Returns the digest that chains a record, in hexadecimal. */
  chain(text: string): string
  /** Returns the keyed HMAC by which a known token can be found in the records; null without a key. */
  fingerprint(value: Secret): string | null
}

export function createAuditKeys(key: Secret | null): AuditKeys {
  if (key === null) return { chain: (text) => hash('sha256', text, 'hex'), fingerprint: () => null }
  const chainKey = deriveKey(key, 'tokengraph audit chain')
  const fingerprintKey = deriveKey(key, 'tokengraph audit fingerprint')
  return {
    chain: (text) => createHmac('sha256', chainKey).update(text).digest('hex'),
    fingerprint: (value) => createHmac('sha256', fingerprintKey).update(reveal(value)).digest('hex'),
  }
}

/**
 * HKDF (RFC 5869) with one key per use, so that a fingerprint is never a valid chain digest. Returns a key object:
 * Node prepares a key that is given as bytes for every HMAC, which takes six times as long as the HMAC itself.
 */
function deriveKey(key: Secret, info: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', reveal(key), '', info, 32)))
}

export interface ChainedLines {
  /** One line per entry, each with its line feed. */
  readonly text: string
  /** The head after these lines. */
  readonly head: ChainHead
}

/** Chains entries after `head`. */
export function chainEntries(entries: readonly AuditEntry[], head: ChainHead, keys: AuditKeys): ChainedLines {
  let { seq, hash: prev } = head
  let text = ''
  for (const entry of entries) {
    seq += 1
    const body = JSON.stringify({ type: 'audit', v: 1, seq, prev, ...entry })
    prev = keys.chain(body)
    text += `${body.slice(0, -1)},"hash":"${prev}"}\n`
  }
  return { text, head: { seq, hash: prev } }
}

/** Parses and verifies one line without its line feed: `changed` when its own hash does not match. */
export function parseRecord(
  line: string,
  keys: AuditKeys,
): ChainRecord | { readonly problem: 'unreadable' | 'changed' } {
  const end = /,"hash":"([0-9a-f]{64})"\}$/.exec(line)
  const record = readChainFields(line)
  if (end === null || record === null) return { problem: 'unreadable' }
  // The digest is of the bytes of the line, so that another spelling of the same JSON does not pass.
  const body = `${line.slice(0, end.index)}}`
  return keys.chain(body) === record.hash ? record : { problem: 'changed' }
}

function readChainFields(line: string): ChainRecord | null {
  if (!line.startsWith(RECORD_START)) return null
  // A line that begins like a record is an object, or it is not JSON.
  const fields = parseJson(line) as Partial<Record<string, unknown>> | undefined
  if (fields === undefined) return null
  const { seq, prev, hash: digest } = fields
  if (!Number.isSafeInteger(seq) || typeof prev !== 'string' || typeof digest !== 'string') return null
  return { seq: seq as number, prev, hash: digest, bound: readBound(fields) }
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
