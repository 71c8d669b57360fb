/**
 * HTTP Message Signatures (RFC 9421) as proof of the gateway (TRUST S2): over the method, the path, the digest of the
 * body and the credential that is forwarded, with a time and a nonce. The profile is closed, because a signature proves
 * no more than what it covers (section 7.2.1).
 */
import { CodedError } from '../../errors.ts'
import { matchesContentDigest } from './content-digest.ts'
import type { GatewayRequest } from './gateway-request.ts'
import { createNonceStore } from './nonce-store.ts'
import type { SignatureOptions } from './options.ts'
import { buildSignatureBase } from './signature-base.ts'
import { readSignatures } from './signature-input.ts'
import type { ReadSignature } from './signature-input.ts'
import { readSignatureKeys } from './signature-keys.ts'
import type { SignatureKey } from './signature-keys.ts'
import { fails } from './verdict.ts'
import type { Verdict } from './verdict.ts'

interface Candidate {
  readonly signature: ReadSignature
  readonly key: SignatureKey
}

/** `now` is in milliseconds. The check throws OVERLOADED when no more nonces can be remembered. */
export function createCheckSignature(
  { keys, window_seconds, max_nonces }: SignatureOptions,
  now: () => number,
): (request: GatewayRequest) => Promise<Verdict> {
  const keysById = readSignatureKeys(keys)
  const nonces = createNonceStore({ window_seconds, max_nonces })

  /** Everything but the body, which is not even read for a stranger. */
  function checkHeaders(request: GatewayRequest): Candidate | string {
    const signature_input = request.header('signature-input')
    const signature = request.header('signature')
    if (signature_input === null || signature === null) return 'signature: none'
    const signatures = readSignatures(signature_input, signature)
    if (signatures === null) return 'signature: unreadable'
    const candidates = signatures.flatMap((read) => {
      const key = keysById.get(read.keyid)
      return key === undefined ? [] : [{ signature: read, key }]
    })
    if (candidates.length === 0) return 'signature: no known key, or other parameters'
    const reasons = candidates.map((candidate) => refuseCandidate(candidate, request))
    const found = candidates[reasons.indexOf(null)]
    return found ?? reasons.join(', ')
  }

  function refuseCandidate({ signature, key }: Candidate, request: GatewayRequest): string | null {
    const { input, created, alg, signature: bytes } = signature
    if (alg !== key.alg) return 'signature: algorithm'
    if (!coversExactly(input[0], request)) return 'signature: covered components'
    if (Math.abs(seconds() - created) > window_seconds) return 'signature: time'
    const base = buildSignatureBase(input, (component) => valueOf(component, request))
    return base !== null && key.isSignatureOf(base, bytes) ? null : 'signature: does not hold'
  }

  const seconds = (): number => Math.floor(now() / 1000)

  return async (request) => {
    const found = checkHeaders(request)
    if (typeof found === 'string') return fails(found)
    const { id } = found.key
    const { nonce, created } = found.signature
    // Taken before the body has arrived: a body that is sent slowly would otherwise outlive the nonce.
    const taken = nonces.take(`${id} ${nonce}`, created, seconds())
    if (taken === 'used') return fails('signature: nonce was used')
    if (taken === 'full') throw new CodedError('OVERLOADED')
    const digest = request.header('content-digest')
    return digest !== null && matchesContentDigest(digest, await request.body())
      ? { holds: true, by: `signature ${id}` }
      : fails('signature: content digest')
  }
}

/** The credential is covered whenever there is one: else it could be exchanged, or added where none was sent. */
function coversExactly(components: ReadSignature['input'][0], request: GatewayRequest): boolean {
  const wanted = ['@method', '@path', 'content-digest']
  if (request.header('authorization') !== null) wanted.push('authorization')
  const covered = components.map(([name]) => name)
  return covered.length === wanted.length && wanted.every((name) => covered.includes(name))
}

function valueOf(component: string, request: GatewayRequest): string | null {
  if (component === '@method') return request.method
  if (component === '@path') return request.path
  return component.startsWith('@') ? null : request.header(component)
}
