/**
 * One line of the audit: what was decided, and its place in the chain (TRUST S13). Each record carries the digest of
 * the one before it, so that a record that was changed, removed, inserted or moved breaks the chain where it stands.
 */
import { createHmac, createSecretKey, hash, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Decision, ReadableField } from '../auth/policy.ts'
import { reveal } from '../lib/secret.ts'
import type { Secret } from '../lib/secret.ts'
import type { SecretField } from '../tokens/types.ts'

interface Stamped {
  /** ISO 8601, in UTC. */
  readonly time: string
}

/** One subject x provider x account x decision of one operation. */
export interface DecisionEntry extends Stamped {
  readonly event: 'decision'
  readonly request_id: string | null
  /** The trace of W3C Trace Context (`traceparent`), where the caller sent one. */
  readonly trace_id: string | null
  readonly operation_name: string | null
  readonly viewer: 'anonymous' | 'user' | 'service'
  readonly viewer_id: string | null
  /** What proved the viewer: the id of the service whose key it was, or the issuer of the user's token. */
  readonly key_id: string | null
  /** null: refused before a subject was known. */
  readonly subject: string | null
  /** `*`: the connected accounts at every provider that the viewer may know of. */
  readonly provider: string | null
  /** null: decided before an account was known. */
  readonly account: string | null
  readonly fields: readonly ReadableField[]
  readonly decision: 'allowed' | 'denied'
  readonly reason: Decision['reason']
  /** Unix seconds: how fresh the token was that left. */
  readonly expires_at: number | null
  /** The keyed HMAC of each secret that left; empty without a key. */
  readonly fingerprints: Readonly<Partial<Record<SecretField, string>>>
}

/** A crash had left half a line, which was moved aside before the chain went on. */
export interface RecoveryEntry extends Stamped {
  readonly event: 'recovery'
  readonly torn_bytes: number
  readonly torn_sha256: string
}

export type AuditEntry = DecisionEntry | RecoveryEntry

/** Where a chain stands: the last record. */
export interface Head {
  /** From 1; 0: nothing was recorded yet. */
  readonly seq: number
  /** Hexadecimal. */
  readonly hash: string
}

export const genesis: Head = Object.freeze({ seq: 0, hash: '0'.repeat(64) })

/** What the audit key makes. Without a key the chain shows damage, but whoever can write the file can forge it. */
export interface AuditKeys {
  /** The digest that chains a record, hexadecimal. */
  chain(text: string): string
  /** The keyed HMAC by which a known token can be found without being stored; null without a key. */
  fingerprint(value: Secret): string | null
}

export function createAuditKeys(key: Secret | null): AuditKeys {
  if (key === null) return { chain: (text) => hash('sha256', text, 'hex'), fingerprint: () => null }
  const chainKey = derive(key, 'tokengraph audit chain')
  const tokenKey = derive(key, 'tokengraph audit fingerprint')
  return {
    chain: (text) => createHmac('sha256', chainKey).update(text).digest('hex'),
    fingerprint: (value) => createHmac('sha256', tokenKey).update(reveal(value)).digest('hex'),
  }
}

/**
 * RFC 5869; one key for each use, so that a fingerprint can never pass for a link of the chain. A key object, because
 * Node prepares a key of bytes anew for each HMAC, which takes six times as long as the HMAC.
 */
function derive(key: Secret, info: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', reveal(key), '', info, 32)))
}

/** The lines of these entries, which follow `head`, each with its line feed; and where the chain stands after them. */
export function linkEntries(entries: readonly AuditEntry[], head: Head, keys: AuditKeys): { text: string; head: Head } {
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

/** How every record begins: what tells it from other lines of a stream. */
export const RECORD_START = '{"type":"audit",'

export interface Link extends Head {
  readonly prev: string
}

/** The link that a line without its line feed is, or what is wrong with it. */
export function readLink(line: string, keys: AuditKeys): Link | { readonly problem: 'unreadable' | 'changed' } {
  const end = /,"hash":"([0-9a-f]{64})"\}$/.exec(line)
  const link = parseLink(line)
  if (end === null || link === null) return { problem: 'unreadable' }
  // Over the very bytes of the line, so that no second spelling of the same JSON passes.
  const body = `${line.slice(0, end.index)}}`
  return keys.chain(body) === link.hash ? link : { problem: 'changed' }
}

function parseLink(line: string): Link | null {
  if (!line.startsWith(RECORD_START)) return null
  try {
    const { seq, prev, hash: digest } = JSON.parse(line) as Partial<Record<string, unknown>>
    const complete = Number.isSafeInteger(seq) && typeof prev === 'string' && typeof digest === 'string'
    return complete ? { seq: seq as number, prev, hash: digest } : null
  } catch {
    return null
  }
}
