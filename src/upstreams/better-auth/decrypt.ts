/** From what is stored to the access token, by better-auth's own decryption. */
import { CodedError, reveal } from '../kit.ts'
import { loadOptionalPackage } from './optional-package.ts'
import type { BetterAuthOptions } from './options.ts'

/**
 * The value that is stored. Rejects with UPSTREAM_REJECTED where it is ciphertext that the configuration does not open:
 * the operator has to act.
 */
export type ReadStored = (stored: string) => Promise<string>

/** better-auth's `SecretConfig`. */
interface SecretConfig {
  readonly keys: ReadonlyMap<number, string>
  readonly currentVersion: number
  readonly legacySecret?: string
}

/** The part of `better-auth/crypto` that is used here. */
interface Crypto {
  symmetricDecrypt(options: { readonly key: string | SecretConfig; readonly data: string }): Promise<string>
}

// `$ba$<version>$<hex>`, or only the hex: 24 bytes of nonce, the token, 16 bytes of tag (docs/platforms/better-auth.md 2).
const ENVELOPE = '$ba$'
const ciphertext = /^(\$ba\$\d{1,9}\$)?([0-9a-f]{2}){40,}$/i

/** Whether a value looks like ciphertext. An ID token never does: it has dots. */
export function isCiphertext(value: string): boolean {
  return ciphertext.test(value) || value.startsWith(ENVELOPE)
}

/**
 * Rows from before `encryptOAuthTokens` was switched on stay in plain text, and better-auth reads both kinds
 * (better-auth#6018): what does not look like ciphertext is the value itself. Without `encrypted`, only the envelope is
 * known to be ciphertext: a token may be nothing but hex digits. Loads the package only where tokens are encrypted.
 */
export function createReadStored({ encrypted, secret, secrets }: BetterAuthOptions): ReadStored {
  if (!encrypted) return readPlain
  const { symmetricDecrypt } = loadOptionalPackage('better-auth/crypto', 'better-auth with encrypted tokens') as Crypto
  const key = keyOf(secret, secrets)
  return async (stored) => {
    if (!isCiphertext(stored)) return stored
    try {
      return await symmetricDecrypt({ key, data: stored })
    } catch {
      // The original may show a part of the value.
      throw unreadable('The stored token cannot be decrypted with the configured secret.')
    }
  }
}

function readPlain(stored: string): Promise<string> {
  if (!stored.startsWith(ENVELOPE)) return Promise.resolve(stored)
  return Promise.reject(unreadable('The stored token is encrypted, although the configuration says that it is not.'))
}

function keyOf(secret: BetterAuthOptions['secret'], secrets: BetterAuthOptions['secrets']): string | SecretConfig {
  const legacy = secret === undefined ? undefined : reveal(secret)
  if (secrets === undefined) return legacy ?? ''
  return {
    keys: new Map(secrets.map(({ version, secret: value }) => [version, reveal(value)])),
    // Used for writing, which this server does not do.
    currentVersion: secrets[0]?.version ?? 0,
    ...(legacy !== undefined && { legacySecret: legacy }),
  }
}

/** Only the operator can correct the configuration or the data. */
function unreadable(message: string): CodedError {
  return new CodedError('UPSTREAM_REJECTED', message)
}
