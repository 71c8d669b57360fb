/** Content-Digest (RFC 9530): whether a body is the one that a header names. */
import { hash, timingSafeEqual } from 'node:crypto'
import { parseDictionary } from 'structured-headers'

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
