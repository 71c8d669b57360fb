/** The keys below `upstreams.<name>` in the configuration of a vault. */
import { z } from 'zod'
import { secret, secureUrl } from '../kit.ts'
import { findProblems } from './clients/clients.ts'
import { clientOptions } from './clients/options.ts'
import { isLongEnough, webhookSecret } from './events/sign.ts'
import { findRepeatedId } from './store/crypto.ts'

const MIN_SECRET_LENGTH = 32

const key = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected 1 to 64 letters, digits and _ . -')
    .describe('The name of the key; it stands beside every row that the key wrapped.'),
  secret: z
    .string()
    .min(MIN_SECRET_LENGTH, `expected at least ${MIN_SECRET_LENGTH} characters`)
    .transform((value) => secret(value))
    // HKDF derives a key from it and does not slow down guessing.
    .describe('At least 32 random characters, such as `openssl rand -base64 32` prints.'),
})

/** Milliseconds of a lease for what comes after the answer of the provider. */
const STORING_MS = 2000

const refreshing = z
  .strictObject({
    proactive: z
      .boolean()
      .default(true)
      .describe('Whether accounts in use are refreshed before somebody asks for an expired token.'),
    idle_days: z
      .number()
      .min(1)
      .max(365)
      .default(7)
      .describe('Days after its last use for which an account counts as in use; later it is only kept alive.'),
    post_timeout_ms: z
      .int()
      .min(500)
      .max(60_000)
      .default(8000)
      .describe("Milliseconds that a provider's token endpoint may take."),
    wait_ms: z
      .int()
      .min(500)
      .max(120_000)
      .default(10_000)
      .describe('Milliseconds that a reader waits for a refresh of another process; at least `post_timeout_ms`.'),
    lease_ms: z
      .int()
      .min(1000)
      .max(600_000)
      .default(20_000)
      .describe(
        `Milliseconds for which one process alone may refresh an account; at least ${String(STORING_MS)} more than \`post_timeout_ms\`, and more than \`wait_ms\`.`,
      ),
    concurrency: z
      .int()
      .min(1)
      .max(100)
      .default(32)
      .describe('Refreshes under way at the same time, for each client; a quarter of them ahead of need.'),
  })
  .superRefine(({ post_timeout_ms: post, wait_ms: wait, lease_ms: lease }, context) => {
    const report = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message })
    }
    if (wait < post) report('wait_ms', 'expected at least `post_timeout_ms`: a reader would give up before the answer')
    if (lease < post + STORING_MS || lease <= wait)
      report(
        'lease_ms',
        `expected at least ${String(STORING_MS)} more than \`post_timeout_ms\`, and more than \`wait_ms\`: two processes could refresh at once`,
      )
  })
  .prefault({})
  .describe('How accounts with a refresh token are kept alive.')

const events = z
  .strictObject({
    url: secureUrl
      .optional()
      .meta({ fallback: 'none: events are read with `connection_events` alone' })
      .describe('Where events are posted (docs/events.md); https, or plain http on loopback.'),
    secrets: z
      .array(
        z
          .string()
          .regex(webhookSecret, 'expected base64, after `whsec_` or alone')
          .refine(isLongEnough, 'expected 24 to 64 bytes in base64')
          .transform((value) => secret(value)),
      )
      .max(2)
      .default([])
      .describe('Every request is signed with each of them (Standard Webhooks); two, while one replaces the other.'),
    timeout_ms: z
      .int()
      .min(500)
      .max(60_000)
      .default(10_000)
      .describe('Milliseconds that the receiver may take for one event.'),
    retention_days: z.number().min(1).max(3650).default(30).describe('Days after which events are forgotten.'),
  })
  .refine(({ url, secrets }) => (url === undefined) === (secrets.length === 0), {
    path: ['secrets'],
    message: 'expected one or two secrets with `url`, and none without',
  })
  .prefault({})
  .describe('How the application hears what happens to accounts.')

const connect = z
  .strictObject({
    public_url: secureUrl
      .refine((value) => new URL(value).pathname === '/', 'expected an origin, without a path')
      .transform((value) => new URL(value).origin)
      .describe(
        'The origin that browsers reach this server by. Callbacks are `/connect/callback/<client>` below it: register them at the providers.',
      ),
    return_to: z
      .array(secureUrl)
      .min(1)
      .describe('Where browsers may come back to, to the letter; https, or plain http on loopback.'),
    shared_accounts: z
      .enum(['refuse', 'allow'])
      .default('refuse')
      .describe('Whether one account of a provider may belong to several users.'),
  })
  .optional()
  .meta({ fallback: 'accounts are not connected here' })
  .describe('How users connect accounts (docs/connect.md).')

export const vaultOptions = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .optional()
      .meta({ fallback: '`database_url`' })
      .describe('The SQLite file; it and its folder are created, for their owner alone, when they are missing.'),
    database_url: z
      .string()
      .regex(/^postgres(ql)?:\/\/\S+$/, 'expected postgres://user:password@host/database')
      .refine((value) => URL.canParse(value), 'is not a URL')
      .transform((value) => secret(value))
      .optional()
      .meta({ fallback: '`path`' })
      .describe('A PostgreSQL database in place of the file, for more than one machine; the schema is `tokengraph`.'),
    connections: z.int().min(1).max(100).default(5).describe('Connections to PostgreSQL at the same time.'),
    keys: z
      .array(key)
      .min(1)
      .superRefine((keys, context) => {
        if (findRepeatedId(keys) !== null) context.addIssue({ code: 'custom', message: 'two keys have the same id' })
      })
      .describe('The key ring: the first key wraps what is written, the others only read.'),
    refresh: refreshing,
    events,
    connect,
    ...clientOptions,
    spool_path: z
      .string()
      .min(1)
      .optional()
      .meta({ fallback: 'beside `path`; `tokengraph-spool` in the working directory for `database_url`' })
      .describe('The folder that keeps new tokens, sealed, while the database cannot be written.'),
  })
  .superRefine((options, context) => {
    if ((options.path === undefined) === (options.database_url === undefined))
      context.addIssue({ code: 'custom', path: ['path'], message: 'expected either `path` or `database_url`' })
    for (const { path, message } of findProblems(options))
      context.addIssue({ code: 'custom', path: [...path], message })
  })

export type VaultOptions = z.output<typeof vaultOptions>
