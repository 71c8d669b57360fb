/** The keys below `upstreams.<name>` in the configuration of a better-auth database. */
import { z } from 'zod'
import { isLoopback, secret } from '../kit.ts'
import type { Secret } from '../kit.ts'

// Quoted where it is used, and still restricted to what the databases accept without quotes.
const identifier = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'expected 1 to 63 letters, digits and _, without a digit first')

const column = (name: string, what: string) => identifier.default(name).describe(`The column with ${what}.`)

const columns = z.strictObject({
  id: column('id', 'the id of the row, which is the `external_account_id`'),
  user_id: column('userId', 'the id of the user'),
  provider_id: column('providerId', 'the name of the provider'),
  account_id: column('accountId', "the provider's own id of the user"),
  access_token: column('accessToken', 'the access token'),
  access_token_expires_at: column('accessTokenExpiresAt', 'the time at which the access token expires'),
  refresh_token: column('refreshToken', 'the refresh token; only whether there is one is asked for'),
  id_token: column('idToken', 'the ID token'),
  scope: column('scope', 'the scopes'),
  created_at: column('createdAt', 'the time at which the account was connected'),
  updated_at: column('updatedAt', 'the time of the last change'),
})

export type Columns = z.output<typeof columns>

export interface PostgresAddress {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: Secret
  /** With a certificate that is checked; PostgreSQL's own `require` would accept any. */
  readonly tls: boolean
}

const tlsModes = new Set(['require', 'verify-ca', 'verify-full'])
const expectation = 'expected a URL such as postgres://user:password@host:5432/database'

/**
 * A URL; the output is its parts. No message shows any of them. Parsed here and not by `pg`, which fills in what is
 * missing from the environment.
 */
const postgresUrl = z.string().transform((value, context): PostgresAddress => {
  const address = parseAddress(value)
  if (typeof address !== 'string') return address
  context.addIssue(address)
  return z.NEVER
})

function parseAddress(value: string): PostgresAddress | string {
  if (!URL.canParse(value)) return expectation
  const url = new URL(value)
  const parts = [url.hostname, url.pathname.slice(1), url.username, url.password].map(decode)
  const [host = '', database = '', user = '', password = ''] = parts
  const isPostgres = url.protocol === 'postgres:' || url.protocol === 'postgresql:'
  if (!isPostgres || parts.includes(null) || !host || !database || !user || url.hash !== '') return expectation
  const tls = tlsOf(url)
  if (typeof tls === 'string') return tls
  const port = url.port === '' ? 5432 : Number(url.port)
  return { host: host.replace(/^\[|\]$/g, ''), port, database, user, password: secret(password ?? ''), tls }
}

function tlsOf(url: URL): boolean | string {
  const { sslmode, channel_binding: channelBinding, ...others } = Object.fromEntries(url.searchParams)
  // Some hosting services put it into their URLs; it adds nothing to a certificate that is checked.
  if (channelBinding !== undefined && !/^(prefer|require|disable)$/.test(channelBinding))
    return 'channel_binding: expected prefer, require or disable'
  if (Object.keys(others).length > 0) return 'expected no query parameters but sslmode and channel_binding'
  if (sslmode === undefined) return !isLoopback(url.hostname)
  if (sslmode === 'disable') return false
  return tlsModes.has(sslmode) ? true : 'sslmode: expected disable, require, verify-ca or verify-full'
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part)
  } catch {
    return null
  }
}

const database = z
  .strictObject({
    sqlite: z.string().min(1).optional().describe('The SQLite file of better-auth; it is opened for reading alone.'),
    postgres: postgresUrl
      .optional()
      .describe(
        'The PostgreSQL database, `postgres://user:password@host:5432/name`; with TLS, unless the host is this machine or the URL says `?sslmode=disable`.',
      ),
  })
  .superRefine(({ sqlite, postgres }, context) => {
    if ((sqlite === undefined) === (postgres === undefined))
      context.addIssue({ code: 'custom', message: 'expected either sqlite or postgres' })
  })

const secretText = z
  .string()
  .min(1)
  .transform((value) => secret(value))

const versionedSecret = z.strictObject({
  version: z.int().min(0).describe('The version that stands in the stored values.'),
  secret: secretText.describe('The secret of this version.'),
})

const userIdTypes = ['text', 'uuid', 'integer'] as const
export type UserIdType = (typeof userIdTypes)[number]

export const betterAuthOptions = z
  .strictObject({
    database: database.describe('Where better-auth keeps its `account` table.'),
    encrypted: z
      .boolean()
      .describe(
        'What `account.encryptOAuthTokens` is at better-auth. It has no default: with `false`, ciphertext would be handed out as tokens; with `true`, a token that was stored before the encryption is read as it is.',
      ),
    secret: secretText.optional().describe("better-auth's `secret`, for `encrypted: true`."),
    secrets: z
      .array(versionedSecret)
      .min(1)
      .superRefine((secrets, context) => {
        if (new Set(secrets.map(({ version }) => version)).size < secrets.length)
          context.addIssue({ code: 'custom', message: 'two secrets have the same version' })
      })
      .optional()
      .describe("better-auth's versioned `secrets`; `secret` then reads what was written before there were versions."),
    schema: identifier.optional().meta({
      description: 'The PostgreSQL schema or the attached SQLite database of the table.',
      fallback: 'the search path of the database user',
    }),
    table: identifier.default('account').describe('The table of the accounts, `account.modelName` at better-auth.'),
    columns: columns
      .prefault({})
      .describe('The columns that `account.fields` at better-auth, or its adapter, renamed.'),
    user_id_type: z
      .enum(userIdTypes)
      .default('text')
      .describe('The type of the user id column in PostgreSQL; a user id of another form then has no accounts.'),
    concurrency: z
      .int()
      .min(1)
      .max(100)
      .default(10)
      .describe('How many connections to PostgreSQL may be open; the rest wait their turn.'),
    timeout_ms: z
      .int()
      .min(100)
      .max(120_000)
      .default(10_000)
      .describe('Milliseconds that one statement may take in PostgreSQL, the wait for a connection included.'),
  })
  .superRefine(({ encrypted, secret, secrets }, context) => {
    if (encrypted && secret === undefined && secrets === undefined)
      context.addIssue({ code: 'custom', message: 'expected a secret, because encrypted is true', path: ['secret'] })
  })

export type BetterAuthOptions = z.output<typeof betterAuthOptions>
