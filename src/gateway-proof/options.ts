/** The `gateway` part of the configuration: how a gateway proves that a request comes from it. */
import { createPublicKey } from 'node:crypto'
import { z } from 'zod'
import { pemText, secret } from '../lib/secret.ts'

const MIN_SECRET_LENGTH = 32

const strongSecret = z
  .string()
  .min(MIN_SECRET_LENGTH, `expected at least ${String(MIN_SECRET_LENGTH)} characters`)
  .transform((value) => secret(value))

const key = z
  .strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected 1 to 64 letters, digits and _ . -')
      .describe('The `keyid` of the signatures. The log names it for every request that the key signed.'),
    secret: strongSecret
      .optional()
      .describe(
        'For `hmac-sha256`: a secret that both sides share, at least 32 random characters, used as it is written.',
      ),
    public_key: z
      .string()
      .transform(pemText)
      .refine(isEd25519PublicKey, 'expected an Ed25519 public key in PEM (BEGIN PUBLIC KEY)')
      .optional()
      .describe('For `ed25519`: the public key in PEM. With it this server cannot sign requests itself.'),
  })
  .refine(
    ({ secret: shared, public_key }) => (shared === undefined) !== (public_key === undefined),
    'expected either secret or public_key',
  )

const signatures = z.strictObject({
  keys: z
    .array(key)
    .min(1)
    .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, 'two keys have the same id')
    .describe('Every accepted key; during a rotation the old and the new one.'),
  window_seconds: z
    .int()
    .min(5)
    .max(300)
    .default(60)
    .describe('Seconds that `created` may differ from the clock of this server, in both directions.'),
  max_nonces: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(250_000)
    .describe(
      'Nonces that are remembered until their window is over. Beyond it signed requests are refused with `OVERLOADED`, because dropping a nonce early would let it be used twice.',
    ),
})

const sharedSecret = z.strictObject({
  header: z
    .string()
    .regex(/^x-[a-z0-9-]{1,62}$/, 'expected the name of a header in lower case that begins with x-')
    .default('x-gateway-secret')
    .describe('The header that holds the secret.'),
  secrets_sha256: z
    .array(z.string().regex(/^[0-9a-f]{64}$/, 'expected the 64 lower-case hexadecimal digits of a SHA-256'))
    .min(1)
    .describe(
      'SHA-256 of every accepted secret, in hexadecimal; `tokengraph keys new` prints both. During a rotation the old and the new one.',
    ),
})

const hiveHmac = z.strictObject({
  secrets: z.array(strongSecret).min(1).describe('Every accepted `hmacSignature.secret`, each at least 32 characters.'),
  extension: z
    .string()
    .min(1)
    .max(64)
    .default('hmac-signature')
    .describe("The extension that holds the signature: Hive Gateway's `extensionName`."),
})

export const gatewayOptions = z
  .strictObject({
    signatures: signatures.optional().meta({
      description: 'HTTP Message Signatures (RFC 9421) over method, path, body, credential, time and nonce.',
    }),
    shared_secret: sharedSecret.optional().meta({
      description: 'A secret in a header. It proves the sender, but a reader of one request can send any other.',
    }),
    hive_hmac: hiveHmac.optional().meta({
      description:
        'The `hmacSignature` of Hive Gateway. It covers only the query and its variables, and can be replayed without a limit.',
    }),
  })
  .refine((proofs) => Object.values(proofs).some((proof) => proof !== undefined), 'expected at least one kind of proof')
  .optional()
  .meta({
    description:
      'When present, every operation must carry a proof that a gateway sent it: any one of the kinds configured here.',
    fallback: 'no proof is asked for',
  })

export type GatewayOptions = NonNullable<z.output<typeof gatewayOptions>>
export type SignatureOptions = NonNullable<GatewayOptions['signatures']>
export type SharedSecretOptions = NonNullable<GatewayOptions['shared_secret']>
export type HiveHmacOptions = NonNullable<GatewayOptions['hive_hmac']>

function isEd25519PublicKey(pem: string): boolean {
  // Node would also derive a public key from a private one, which does not belong into this configuration.
  if (!/^\s*-----BEGIN PUBLIC KEY-----/.test(pem)) return false
  try {
    return createPublicKey(pem).asymmetricKeyType === 'ed25519'
  } catch {
    return false
  }
}
