/** Whether a request comes from the gateway: one of the configured proofs must hold. */
import { hash, timingSafeEqual } from 'node:crypto'
import { createCheckHiveHmac } from './hive-hmac.ts'
import { createCheckSignature } from './http-signature.ts'
import type { GatewayOptions, SharedSecretOptions } from './options.ts'

export type CheckProof = (request: GatewayRequest) => Promise<Verdict>

/**
 * Create it once: it remembers nonces. `now` is in milliseconds. The check rejects with OVERLOADED (no more nonces can
 * be remembered) and with BAD_USER_INPUT (the body is too large).
 */
export function createCheckProof(options: GatewayOptions, now: () => number = Date.now): CheckProof {
  const { signatures, shared_secret, hive_hmac } = options
  // The strongest first, so that the log names the best proof that a request has; the body is read last.
  const checks = [
    ...(signatures === undefined ? [] : [createCheckSignature(signatures, now)]),
    ...(shared_secret === undefined ? [] : [createCheckSharedSecret(shared_secret)]),
    ...(hive_hmac === undefined ? [] : [createCheckHiveHmac(hive_hmac)]),
  ]
  return async (request) => {
    const reasons: string[] = []
    for (const check of checks) {
      const verdict = await check(request)
      if (verdict.holds) return verdict
      reasons.push(verdict.reason)
    }
    return fails(reasons.join('; '))
  }
}

/** What the proofs read of a request, whatever brought it here. */
export interface GatewayRequest {
  readonly method: string
  /** Of the URL, without the query. */
  readonly path: string
  /** By its name in lower case; null: absent. */
  header(name: string): string | null
  /** The bytes as they were sent. Rejects with BAD_USER_INPUT when there are too many. */
  body(): Promise<Uint8Array>
}

/** What came of looking for one kind of proof. */

export type Verdict =
  | {
      readonly holds: true
      /** Which proof it was, for the log: its kind and, where there is one, the id of its key. */
      readonly by: string
    }
  | {
      readonly holds: false
      /** For the log alone: a phrase of ours, never a part of the request. */
      readonly reason: string
    }

export function fails(reason: string): Verdict {
  return { holds: false, reason }
}

/** A secret in a header: what every router can send. It says nothing about the rest of the request. */

export function createCheckSharedSecret({
  header,
  secrets_sha256,
}: SharedSecretOptions): (request: GatewayRequest) => Verdict {
  const digests = secrets_sha256.map((text) => Buffer.from(text, 'hex'))
  return (request) => {
    const given = request.header(header)
    if (given === null) return fails('shared secret: none')
    const digest = hash('sha256', given, 'buffer')
    // Every one is compared: the time tells nothing about how much of a secret fits, or of which.
    const equal = digests.filter((known) => timingSafeEqual(known, digest))
    return equal.length > 0 ? { holds: true, by: 'shared_secret' } : fails('shared secret: another one')
  }
}
