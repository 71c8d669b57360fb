/** The `auth` part of the configuration: who may present what, and what they may then read. */
import { z } from 'zod'
import { secureUrl } from '../secure-url.ts'
import { secretFields } from '../tokens/token.ts'

/** Asymmetric algorithms only: a shared secret would let every verifier mint tokens (RFC 8725 section 3.1). */
export const jwtAlgorithms = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
] as const

const issuer = z.strictObject({
  /** Compared exactly with the `iss` claim. */
  issuer: z.string().min(1),
  /** One of these must be in the `aud` claim. */
  audience: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  jwks_url: secureUrl,
  algorithms: z.array(z.enum(jwtAlgorithms)).min(1),
  /** The claim that holds the user id of the platforms. */
  user_claim: z.string().min(1).default('sub'),
})

const wildcard = z.literal('*')

const grant = z.strictObject({
  /** Provider names, or `*`. */
  providers: z.array(z.string().min(1)).min(1),
  /** Secret fields, or `*`; an empty list grants the metadata alone. */
  fields: z.array(z.union([z.enum(secretFields), wildcard])).default(['token']),
  /** User ids, prefixes that end in `*` such as `acme_*`, or `*`. */
  users: z.array(z.string().min(1)).min(1).default(['*']),
})

const service = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected 1 to 64 letters, digits and _ . -'),
  /** SHA-256 of the key, in hexadecimal; `tokengraph keys new` prints it. */
  key_sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected the 64 lower-case hexadecimal digits of a SHA-256'),
  grants: z.array(grant).default([]),
  /** Whether the service may introspect the schema and read `_service` in production. */
  schema: z.boolean().default(false),
})

export const authOptions = z.strictObject({
  issuers: z.array(issuer).default([]),
  services: z.array(service).default([]),
  /** What users may read of their own tokens. */
  owner: z.strictObject({ fields: z.array(z.enum(secretFields)) }).default({ fields: [...secretFields] }),
})

export type AuthOptions = z.output<typeof authOptions>
export type IssuerOptions = z.output<typeof issuer>
export type ServiceOptions = z.output<typeof service>
export type Grant = z.output<typeof grant>
