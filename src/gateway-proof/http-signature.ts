/**
 * HTTP Message Signatures (RFC 9421) as proof of the gateway (TRUST S2): over the method, the path, the digest of the
 * body and the credential that is forwarded, with a time and a nonce. The profile is closed, because a signature proves
 * no more than what it covers (section 7.2.1).
 */
import { createHmac, createPublicKey, hash, timingSafeEqual, verify } from 'node:crypto'
import { isInnerList, parseDictionary, serializeInnerList, serializeItem } from 'structured-headers'
import type { InnerList, Parameters } from 'structured-headers'
import { CodedError } from '../errors.ts'
import { reveal } from '../lib/secret.ts'
import { createNonceStore } from './nonces.ts'
import type { SignatureOptions } from './options.ts'
import { fails } from './proof.ts'
import type { GatewayRequest, Verdict } from './proof.ts'

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

/** The text that an HTTP Message Signature signs (RFC 9421 section 2.5). */

/**
 * `input` is the member of Signature-Input, `valueOf` gives the value of a component by its name. null where a
 * component is named twice, has parameters (none is supported), has no value, or has one that would break the lines.
 */
export function buildSignatureBase(input: InnerList, valueOf: (component: string) => string | null): string | null {
  const lines: string[] = []
  const seen = new Set<string>()
  for (const [name, parameters] of input[0]) {
    if (typeof name !== 'string' || parameters.size > 0 || seen.has(name)) return null
    seen.add(name)
    const value = valueOf(name)
    if (value === null || /[\r\n]/.test(value)) return null
    lines.push(`${serializeItem(name)}: ${value}`)
  }
  return [...lines, `"@signature-params": ${serializeInnerList(input)}`].join('\n')
}

/** The headers Signature-Input and Signature (RFC 9421 section 4) → the signatures that follow our profile. */

export interface ReadSignature {
  readonly input: InnerList
  readonly created: number
  readonly nonce: string
  readonly keyid: string
  readonly alg: string
  readonly signature: Uint8Array
}

// A proxy may add one of its own. The work for a request is bounded by this.
const MAX_SIGNATURES = 4
const parameterNames = ['created', 'nonce', 'keyid', 'alg']
const nonceText = /^[\x21-\x7e]{16,128}$/

/** null: the headers cannot be read, or there are too many signatures. Those of another form are left out. */
export function readSignatures(signature_input: string, signature: string): readonly ReadSignature[] | null {
  try {
    const inputs = parseDictionary(signature_input)
    const signatures = parseDictionary(signature)
    if (inputs.size > MAX_SIGNATURES) return null
    return [...inputs].flatMap(([label, input]) => {
      const bytes = signatures.get(label)?.[0]
      if (!isInnerList(input) || !(bytes instanceof ArrayBuffer)) return []
      const parameters = readParameters(input[1])
      return parameters === null ? [] : [{ input, signature: new Uint8Array(bytes), ...parameters }]
    })
  } catch {
    return null
  }
}

/** Exactly these four: what a verifier does not understand may restrict what the signer meant. */
function readParameters(parameters: Parameters) {
  const [created, nonce, keyid, alg] = parameterNames.map((name) => parameters.get(name))
  if (parameters.size !== parameterNames.length || typeof created !== 'number' || !Number.isSafeInteger(created))
    return null
  if (typeof nonce !== 'string' || !nonceText.test(nonce)) return null
  if (typeof keyid !== 'string' || typeof alg !== 'string') return null
  return { created, nonce, keyid, alg }
}

/** The keys by which gateways sign. The key decides the algorithm; what a message says of it must agree. */

export interface SignatureKey {
  readonly id: string
  /** As RFC 9421 section 6.2 names it. */
  readonly alg: 'hmac-sha256' | 'ed25519'
  isSignatureOf(base: string, signature: Uint8Array): boolean
}

/** By their ids. */
export function readSignatureKeys(keys: SignatureOptions['keys']): ReadonlyMap<string, SignatureKey> {
  return new Map(keys.map((key) => [key.id, readKey(key)]))
}

function readKey({ id, secret, public_key }: SignatureOptions['keys'][number]): SignatureKey {
  if (public_key !== undefined) {
    const key = createPublicKey(public_key)
    return {
      id,
      alg: 'ed25519',
      isSignatureOf: (base, signature) => verify(null, Buffer.from(base), key, signature),
    }
  }
  if (secret === undefined) throw new TypeError('a key has neither a secret nor a public key')
  return {
    id,
    alg: 'hmac-sha256',
    isSignatureOf(base, signature) {
      const expected = createHmac('sha256', reveal(secret)).update(base).digest()
      return signature.length === expected.length && timingSafeEqual(signature, expected)
    },
  }
}

/** Content-Digest (RFC 9530): whether a body is the one that a header names. */

// The others of the registry are insecure or deprecated (RFC 9530 section 7.2) and count as absent.
const algorithms = ['sha-256', 'sha-512'] as const
const nodeNames = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const

/** False also when the header is no dictionary or has none of the two algorithms; of two, both must fit. */
export function matchesContentDigest(header: string, body: Uint8Array): boolean {
  const digests = readDigests(header)
  return (
    digests.length > 0 &&
    digests.every(({ algorithm, digest }) => {
      const actual = hash(nodeNames[algorithm], body, 'buffer')
      return digest.length === actual.length && timingSafeEqual(digest, actual)
    })
  )
}

interface Digest {
  readonly algorithm: (typeof algorithms)[number]
  /** Of no bytes: it was something else. */
  readonly digest: Uint8Array
}

function readDigests(header: string): readonly Digest[] {
  try {
    const dictionary = parseDictionary(header)
    return algorithms.flatMap((algorithm) => {
      const member = dictionary.get(algorithm)
      if (member === undefined) return []
      const [value] = member
      return [{ algorithm, digest: value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array() }]
    })
  } catch {
    return []
  }
}
