/** What can be written to the vault: the documented object, its user, and what only the vault keeps. */
import { z } from 'zod'
import { checkAccountId, checkId, checkProvider, safeJsonObject, secret, toUnixSeconds } from '../../kit.ts'

const MAX_METADATA_DEPTH = 64
// RFC 6749 appendices A.12 and A.17: tokens are printable ASCII. A line break would break the header they go into.
const printable = /^[\x20-\x7e]*$/

const text = z.string().refine((value) => value.isWellFormed() && !value.includes('\0'), 'is not valid Unicode text')
const optionalText = text.nullish()
const secretText = z.string().regex(printable, 'holds characters other than printable ASCII')
// Platforms write "" where they hold no such secret.
const optionalSecret = secretText
  .nullish()
  .transform((value) => (value === undefined ? undefined : value === null || value === '' ? null : secret(value)))
const documentedSecret = optionalSecret.transform((value) => value ?? null)

function checked(check: (value: string) => string) {
  return z.string().transform((value, context) => {
    try {
      return check(value)
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is not valid' })
      return z.NEVER
    }
  })
}

/**
 * The ten documented fields, then those that only the vault keeps. A field of the second group that is left out keeps
 * the stored value (a refresh token outlives an answer without one: RFC 6749 section 6); null clears it.
 */
export const accountRecord = z.strictObject({
  object: z.literal('oauth_access_token').optional(),
  external_account_id: checked((value) => checkAccountId(value, 'it')),
  provider_user_id: text.default(''),
  token: secretText.min(1, 'is empty').transform((value) => secret(value)),
  /** Unix time; milliseconds become seconds. */
  expires_at: z
    .int()
    .nonnegative()
    .nullish()
    .transform((value) => (value == null ? null : toUnixSeconds(value))),
  /** The bare name; a file may write `oauth_google` or `google`. */
  provider: checked((value) => checkProvider(value, 'it')),
  public_metadata: z
    .record(z.string(), z.unknown())
    .refine((value) => isShallow(value, MAX_METADATA_DEPTH), `is nested more than ${MAX_METADATA_DEPTH} deep`)
    .default({})
    .transform(safeJsonObject),
  label: text.nullish().transform((value) => value ?? null),
  scopes: z
    .array(text.min(1, 'is empty'))
    .nullish()
    .transform((value) => value ?? null),
  token_secret: documentedSecret,
  id_token: documentedSecret,

  user_id: checked((value) => checkId(value, 'it')),
  refresh_token: optionalSecret,
  /** Which OAuth client the tokens were issued to. */
  client: optionalText,
  /** What API calls need beside the token, such as `instance_url`. */
  extras: z.record(z.string(), z.string()).nullish(),
  email_address: optionalText,
  username: optionalText,
  first_name: optionalText,
  last_name: optionalText,
  image_url: z.url({ protocol: /^https?$/, error: 'expected an https or http URL' }).nullish(),
})

export type AccountRecord = z.output<typeof accountRecord>

/** The names that a record may hold. */
export const recordFields: readonly string[] = Object.keys(accountRecord.shape)

function isShallow(value: unknown, depth: number): boolean {
  if (value === null || typeof value !== 'object') return true
  return depth > 0 && Object.values(value).every((child) => isShallow(child, depth - 1))
}
