/** The `auth` part of the configuration: accepted credentials, and what their holders may read. */
import { z } from 'zod'
import { secureUrl } from '../lib/url.ts'
import { secretFields } from '../tokens/types.ts'

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

const oneOrMore = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])

const issuer = z
  .strictObject({
    issuer: z.string().min(1).describe('Compared exactly with the `iss` claim.'),
    audience: oneOrMore.optional().meta({
      description: 'One of these must be in the `aud` claim.',
      fallback: 'not checked; then `authorized_parties` or `client_ids` is required',
    }),
    authorized_parties: oneOrMore.optional().meta({
      description:
        'One of these must be the `azp` claim: the application that the token was issued to. Clerk writes the origin of the page there.',
      fallback: 'not checked',
    }),
    client_ids: oneOrMore.optional().meta({
      description: 'One of these must be the `client_id` claim, as Cognito writes it (RFC 9068).',
      fallback: 'not checked',
    }),
    jwks_url: secureUrl.describe('Where the public keys of the issuer are; https, or plain http on loopback.'),
    algorithms: z
      .array(z.enum(jwtAlgorithms))
      .min(1)
      .describe('The signature algorithms that are accepted from the issuer.'),
    user_claim: z.string().min(1).default('sub').describe('The claim that holds the user id of the platforms.'),
  })
  // RFC 8725 section 3.9: a token that the issuer made for another application must not count here.
  .refine(
    ({ audience, authorized_parties, client_ids }) =>
      audience !== undefined || authorized_parties !== undefined || client_ids !== undefined,
    'expected audience, or for tokens without aud authorized_parties (azp) or client_ids (client_id): otherwise tokens that the issuer made for other applications would count',
  )

const wildcard = z.literal('*')

const grant = z.strictObject({
  providers: z.array(z.string().min(1)).min(1).describe('Provider names, or `*`.'),
  fields: z
    .array(z.union([z.enum(secretFields), wildcard]))
    .default(['token'])
    .describe('Secret fields, or `*`; an empty list grants only the metadata.'),
  connect: z
    .boolean()
    .default(false)
    .describe('Whether the service may connect and disconnect accounts of these users at these providers.'),
  users: z
    .array(z.string().min(1))
    .min(1)
    .default(['*'])
    .describe(
      'User ids, prefixes that end in `*` such as `acme_*`, or `*`. An id that itself ends in `*` is covered by a prefix only.',
    ),
  expires_at: z.iso
    .datetime({ offset: true, error: 'expected a date and time with its zone, as "2027-01-31T00:00:00Z"' })
    .optional()
    .meta({ description: 'When the grant ends (ISO 8601), as `"2027-01-31T00:00:00Z"`.', fallback: 'never' }),
})

const service = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected 1 to 64 letters, digits and _ . -')
    .describe('The name of the service in logs and in the audit.'),
  key_sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, {
      error: ({ input }) =>
        input?.startsWith('tgk_') === true
          ? 'this is the key itself; expected its SHA-256, which `tokengraph keys new` prints beside it'
          : 'expected the 64 lower-case hexadecimal digits of a SHA-256',
    })
    .describe('SHA-256 of the key, in hexadecimal; `tokengraph keys new` prints it.'),
  grants: z.array(grant).default([]).describe('What the service may read; without a grant it reads no secret.'),
  schema: z
    .boolean()
    .default(false)
    .describe('Whether the service may introspect the schema and read `_service` in production.'),
})

export const authOptions = z.strictObject({
  issuers: z.array(issuer).default([]).describe('Who may sign the JWTs that users present.'),
  services: z.array(service).default([]).describe('The services that may read, each with its own key.'),
  owner: z
    .strictObject({
      fields: z
        .array(z.enum(secretFields))
        .default([...secretFields])
        .describe('The secret fields that users may read of their own tokens.'),
      connect: z.boolean().default(true).describe('Whether users may connect and disconnect their own accounts.'),
    })
    .prefault({}),
})

export type AuthOptions = z.output<typeof authOptions>
export type IssuerOptions = z.output<typeof issuer>
export type ServiceOptions = z.output<typeof service>
export type Grant = z.output<typeof grant>
