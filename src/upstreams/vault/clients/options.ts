/** The keys `clients` and `providers` of a vault. */
import { z } from 'zod'
import { pemText, secret } from '../../kit.ts'
import { customProvider } from '../providers/provider.ts'

const name = /^[a-z0-9][a-z0-9_.-]{0,63}$/
const names = z.string().regex(name, 'expected 1 to 64 lower-case letters, digits and _ . -')

const client = z.strictObject({
  provider: names
    .optional()
    .meta({ fallback: 'the name of the client' })
    .describe('The provider, by its id in `tokengraph providers` or below `providers`.'),
  client_id: z.string().min(1).describe('The id of the client at the provider.'),
  client_secret: z
    .string()
    .min(1)
    .transform((value) => secret(value))
    .optional()
    .meta({ fallback: 'none, for public clients and for `private_key`' })
    .describe('The secret of the client.'),
  private_key: z
    .string()
    .min(1)
    .transform((value) => secret(pemText(value)))
    .optional()
    .meta({ fallback: 'none' })
    .describe('The key that signs for the client (private_key_jwt), as PKCS #8 in PEM.'),
  key_id: z.string().min(1).optional().meta({ fallback: 'none' }).describe('The `kid` of the key at the provider.'),
  key_algorithm: z.enum(['RS256', 'PS256', 'ES256']).default('RS256').describe('How the key signs.'),
  client_auth: z
    .enum(['basic', 'basic_raw', 'post', 'secret_as_user', 'private_key_jwt', 'tls', 'none'])
    .optional()
    .meta({ fallback: 'the first that the provider accepts' })
    .describe('How the client authenticates.'),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected a scope: printable ASCII without spaces'))
    .default([])
    .describe('What a connection asks for, beside what its caller adds.'),
  user_scopes: z
    .array(z.string().min(1))
    .default([])
    .describe('The same for the user, where the provider tells users from bots (Slack).'),
  values: z
    .record(z.string().regex(/^[a-z_]+$/), z.string().min(1))
    .default({})
    .describe("Values for the placeholders in the provider's URLs, such as `tenant`."),
})

export type ClientFields = z.output<typeof client>

export const clientOptions = {
  clients: z
    .record(names, client)
    .default({})
    .describe('Your OAuth clients, by a name: tokens of accounts that name one are refreshed with it.'),
  providers: z
    .record(names, customProvider)
    .default({})
    .describe('Providers that the catalogue does not have, with the keys of docs/providers.md.'),
}
