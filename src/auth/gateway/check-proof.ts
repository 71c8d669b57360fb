/** Whether a request comes from the gateway: one of the configured proofs must hold. */
import type { GatewayRequest } from './gateway-request.ts'
import { createCheckHiveHmac } from './hive-hmac.ts'
import { createCheckSignature } from './message-signature.ts'
import type { GatewayOptions } from './options.ts'
import { createCheckSharedSecret } from './shared-secret.ts'
import { fails } from './verdict.ts'
import type { Verdict } from './verdict.ts'

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
