/** Decides whether a request comes from the gateway: any one of the configured proofs is enough. */
import { timingSafeEqual } from 'node:crypto'
import type { Answer } from '../lib/answer.ts'
import { sha256 } from '../lib/secret.ts'
import { unixMs } from '../lib/time.ts'
import { createCheckHiveHmac } from './hive-hmac.ts'
import { createCheckSignature } from './http-signature.ts'
import type { GatewayOptions, SharedSecretOptions } from './options.ts'
import { accepted, rejected } from './proof.ts'
import type { CheckProof, ProofRequest, ProofResult } from './proof.ts'

/**
 * Creates the check of the configured proofs. Create it once per process: it remembers nonces. `now` returns
 * milliseconds since 1970. The check rejects with OVERLOADED (no more nonces can be remembered) and with
 * BAD_USER_INPUT (the body is too large).
 */
export function createCheckProof(options: GatewayOptions, now: () => number = unixMs): CheckProof {
  const { signatures, shared_secret: sharedSecret, hive_hmac: hiveHmac } = options
  // The strongest proof is checked first, so that the log names it. The body is read last.
  const checks: ((request: ProofRequest) => ProofResult | Promise<ProofResult>)[] = []
  if (signatures !== undefined) checks.push(createCheckSignature(signatures, now))
  if (sharedSecret !== undefined) checks.push(createCheckSharedSecret(sharedSecret))
  if (hiveHmac !== undefined) checks.push(createCheckHiveHmac(hiveHmac))
  return (request) => {
    const reasons: string[] = []
    function next(index: number): Answer<ProofResult> {
      const check = checks[index]
      if (check === undefined) return rejected(reasons.join('; '))
      const take = (result: ProofResult): Answer<ProofResult> => {
        if (result.ok) return result
        reasons.push(result.reason)
        return next(index + 1)
      }
      const result = check(request)
      return result instanceof Promise ? result.then(take) : take(result)
    }
    return next(0)
  }
}

/** A secret in a header, which every router can send. It says nothing about the rest of the request. */
function createCheckSharedSecret(options: SharedSecretOptions): (request: ProofRequest) => ProofResult {
  const { header, secrets_sha256: digests } = options
  const known = digests.map((text) => Buffer.from(text, 'hex'))
  return (request) => {
    const given = request.header(header)
    if (given === null) return rejected('shared secret: none')
    const digest = sha256(given)
    // All digests are compared in constant time: the time tells neither how much of a secret matches nor which one.
    const matching = known.filter((candidate) => timingSafeEqual(candidate, digest))
    return matching.length > 0 ? accepted('shared_secret') : rejected('shared secret: another one')
  }
}
