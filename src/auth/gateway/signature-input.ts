/** The headers Signature-Input and Signature (RFC 9421 section 4) → the signatures that follow our profile. */
import { isInnerList, parseDictionary } from 'structured-headers'
import type { InnerList, Parameters } from 'structured-headers'

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
