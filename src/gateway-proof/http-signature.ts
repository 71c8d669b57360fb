/**
 * HTTP Message Signatures (RFC 9421) as proof of the gateway (docs/promises.md S2), over the method, the path, the
 * digest of the body and the forwarded credential, with a time and a nonce. The profile is closed, because a signature
 * proves nothing beyond what it covers (section 7.2.1). A kept library exists (`http-message-signatures`, which signs
 * in the tests); the verifier is own code, because here everything outside the profile must be refused.
 */
import { createHmac, createPublicKey, hash, timingSafeEqual, verify } from 'node:crypto'
import { isInnerList, parseDictionary, serializeInnerList, serializeItem } from 'structured-headers'
import type { InnerList, Parameters } from 'structured-headers'
import { CodedError } from '../errors.ts'
import { reveal } from '../lib/secret.ts'
import { createNonceStore } from './nonces.ts'
import type { SignatureOptions } from './options.ts'
import { accepted, rejected } from './proof.ts'
import type { CheckProof, ProofRequest } from './proof.ts'

/** A signature of our profile by a known key. */
interface Candidate {
  readonly signature: ParsedSignature
  readonly key: SignatureKey
}

/** `now` returns milliseconds since 1970. The check rejects with OVERLOADED when the nonce store is full. */
export function createCheckSignature(options: SignatureOptions, now: () => number): CheckProof {
  const { keys, window_seconds: windowSeconds, max_nonces: maxNonces } = options
  const keysById = new Map(keys.map((key) => [key.id, importKey(key)]))
  const nonces = createNonceStore({ windowSeconds, maxNonces })
  const nowSeconds = (): number => Math.floor(now() / 1000)

  /** Verifies everything but the body, which is read for signed requests only. Returns a reason where none is valid. */
  function verifyHeaders(request: ProofRequest): Candidate | string {
    const input = request.header('signature-input')
    const values = request.header('signature')
    if (input === null || values === null) return 'signature: none'
    const signatures = parseSignatures(input, values)
    if (signatures === null) return 'signature: unreadable'
    const candidates = signatures.flatMap((signature) => {
      const key = keysById.get(signature.keyid)
      return key === undefined ? [] : [{ signature, key }]
    })
    if (candidates.length === 0) return 'signature: no known key, or other parameters'
    const problems = candidates.map((candidate) => findProblem(candidate, request))
    return candidates[problems.indexOf(null)] ?? problems.join(', ')
  }

  function findProblem({ signature, key }: Candidate, request: ProofRequest): string | null {
    const { input, created, alg, bytes } = signature
    if (alg !== key.alg) return 'signature: algorithm'
    if (!coversExactly(input, request)) return 'signature: covered components'
    if (Math.abs(nowSeconds() - created) > windowSeconds) return 'signature: time'
    const base = buildSignatureBase(input, (component) => componentValue(component, request))
    return base !== null && key.verify(base, bytes) ? null : 'signature: does not hold'
  }

  return async (request) => {
    const found = verifyHeaders(request)
    if (typeof found === 'string') return rejected(found)
    const { id } = found.key
    const { nonce, created } = found.signature
    // Taken before the body has arrived: a body that is sent slowly would otherwise outlive the nonce.
    const taken = nonces.take(`${id} ${nonce}`, created, nowSeconds())
    if (taken === 'used') return rejected('signature: nonce was used')
    if (taken === 'full') throw new CodedError('OVERLOADED')
    const digest = request.header('content-digest')
    return digest !== null && matchesContentDigest(digest, await request.body())
      ? accepted(`signature ${id}`)
      : rejected('signature: content digest')
  }
}

/** The key fixes the algorithm; what a message says of it must agree. */
interface SignatureKey {
  readonly id: string
  /** As RFC 9421 section 6.2 names it. */
  readonly alg: 'hmac-sha256' | 'ed25519'
  verify(base: string, signature: Uint8Array): boolean
}

function importKey({ id, secret, public_key: pem }: SignatureOptions['keys'][number]): SignatureKey {
  if (pem !== undefined) {
    const key = createPublicKey(pem)
    return { id, alg: 'ed25519', verify: (base, signature) => verify(null, Buffer.from(base), key, signature) }
  }
  if (secret === undefined) throw new TypeError('a key has neither a secret nor a public key')
  return {
    id,
    alg: 'hmac-sha256',
    verify(base, signature) {
      const expected = createHmac('sha256', reveal(secret)).update(base).digest()
      return signature.length === expected.length && timingSafeEqual(signature, expected)
    },
  }
}

/** One member of Signature-Input and of Signature, with the parameters of our profile. */
interface ParsedSignature {
  /** The covered components and the parameters. */
  readonly input: InnerList
  /** Unix seconds. */
  readonly created: number
  readonly nonce: string
  readonly keyid: string
  readonly alg: string
  readonly bytes: Uint8Array
}

// Bounds the work for one request. A proxy may add a signature of its own.
const MAX_SIGNATURES = 4
const parameterNames = ['created', 'nonce', 'keyid', 'alg']
const nonceText = /^[\x21-\x7e]{16,128}$/

/**
 * Parses the headers Signature-Input and Signature (RFC 9421 section 4). Leaves out signatures of another profile;
 * returns null when a header is not valid, or when there are too many signatures.
 */
function parseSignatures(signatureInput: string, signature: string): readonly ParsedSignature[] | null {
  try {
    const inputs = parseDictionary(signatureInput)
    const values = parseDictionary(signature)
    if (inputs.size > MAX_SIGNATURES) return null
    return [...inputs].flatMap(([label, input]) => {
      const value = values.get(label)?.[0]
      if (!isInnerList(input) || !(value instanceof ArrayBuffer)) return []
      const parameters = parseParameters(input[1])
      return parameters === null ? [] : [{ input, bytes: new Uint8Array(value), ...parameters }]
    })
  } catch {
    return null
  }
}

/** Requires exactly these four: a parameter that the verifier does not know may restrict what the signer meant. */
function parseParameters(parameters: Parameters) {
  const [created, nonce, keyid, alg] = parameterNames.map((name) => parameters.get(name))
  if (parameters.size !== parameterNames.length || typeof created !== 'number' || !Number.isSafeInteger(created))
    return null
  if (typeof nonce !== 'string' || !nonceText.test(nonce)) return null
  if (typeof keyid !== 'string' || typeof alg !== 'string') return null
  return { created, nonce, keyid, alg }
}

/** The credential is covered whenever there is one; otherwise it could be exchanged, or added to a request without. */
function coversExactly([components]: InnerList, request: ProofRequest): boolean {
  const wanted = ['@method', '@path', 'content-digest']
  if (request.header('authorization') !== null) wanted.push('authorization')
  const covered = components.map(([name]) => name)
  return covered.length === wanted.length && wanted.every((name) => covered.includes(name))
}

function componentValue(component: string, request: ProofRequest): string | null {
  if (component === '@method') return request.method
  if (component === '@path') return request.path
  return component.startsWith('@') ? null : request.header(component)
}

/**
 * Builds the signature base (RFC 9421 section 2.5). `input` is the member of Signature-Input; `valueOf` returns the
 * value of a component by its name. Returns null where a component is named twice, has parameters (none is supported),
 * has no value, or has a value that would break the lines.
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

// The other algorithms of the registry are insecure or deprecated (RFC 9530 section 7.2) and count as absent.
const digestAlgorithms = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const

/**
 * Whether Content-Digest (RFC 9530) is of this body. False where the header is not valid or has neither algorithm;
 * where it has both, both must match.
 */
function matchesContentDigest(header: string, body: Uint8Array): boolean {
  const digests = parseDigests(header)
  return (
    digests.length > 0 &&
    digests.every(({ algorithm, digest }) => {
      const actual = hash(algorithm, body, 'buffer')
      return digest.length === actual.length && timingSafeEqual(digest, actual)
    })
  )
}

interface Digest {
  /** As Node names it. */
  readonly algorithm: 'sha256' | 'sha512'
  /** Empty where the member is not a byte sequence. */
  readonly digest: Uint8Array
}

function parseDigests(header: string): readonly Digest[] {
  try {
    const dictionary = parseDictionary(header)
    return Object.entries(digestAlgorithms).flatMap(([name, algorithm]) => {
      const member = dictionary.get(name)
      if (member === undefined) return []
      const [value] = member
      return [{ algorithm, digest: value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array() }]
    })
  } catch {
    return []
  }
}
