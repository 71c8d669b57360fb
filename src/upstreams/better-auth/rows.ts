/** From rows of better-auth's `account` table to the records of this server. */
import { z } from 'zod'
import { toUnixSeconds } from '../shapes.ts'
import type { ExternalAccount } from '../../tokens/types.ts'
import { filledText } from '../shapes.ts'

// Kysely keeps ISO text in SQLite, Drizzle and Prisma keep numbers; PostgreSQL gives seconds (statements.ts).
const isoTime = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|[+-]\d{2}:?\d{2})?$/

/** A time as whole Unix seconds; null and zero mean that none is known. A text without a time zone is UTC. */
const instant = z
  .union([z.number(), z.string()])
  .nullable()
  .transform((value, context) => {
    if (value === null || value === '') return null
    const milliseconds = typeof value === 'string' ? parseTime(value) : toUnixSeconds(value) * 1000
    if (Number.isFinite(milliseconds)) return Math.floor(milliseconds / 1000) || null
    context.addIssue('not a time')
    return z.NEVER
  })

function parseTime(text: string): number {
  if (/^\d{1,16}(\.\d+)?$/.test(text)) return toUnixSeconds(Number(text)) * 1000
  const [, date, time, zone = 'Z'] = isoTime.exec(text) ?? []
  return date === undefined || time === undefined ? NaN : Date.parse(`${date}T${time}${zone}`)
}

/** better-auth joins with commas; newer versions accept spaces as well (better-auth.md section 4). */
const scopes = filledText.transform((value) => value?.split(/[\s,]+/).filter((scope) => scope !== '') ?? null)

const identity = {
  id: z.string().min(1),
  user_id: z.string(),
  provider: z.string().min(1),
  provider_user_id: z.string().nullable(),
  expires_at: instant,
}

/** Who a row belongs to; every row has this much. */
export const owner = z.object({ user_id: z.string(), provider: z.string() })

export const tokenRow = z.object({ ...identity, access_token: filledText, id_token: filledText, scope: scopes })
export type TokenRow = z.output<typeof tokenRow>

const flag = z.literal([0, 1]).transform((value) => value === 1)

export const accountRow = z
  .object({
    ...identity,
    scope: scopes,
    has_access_token: flag,
    has_refresh_token: flag,
    created_at: instant,
    updated_at: instant,
  })
  .transform((row): ExternalAccount => {
    const isExpired = row.expires_at !== null && row.expires_at * 1000 <= Date.now()
    return {
      id: row.id,
      provider: row.provider,
      provider_user_id: row.provider_user_id ?? '',
      email_address: null,
      username: null,
      first_name: null,
      last_name: null,
      image_url: null,
      label: null,
      approved_scopes: row.scope,
      public_metadata: {},
      created_at: row.created_at,
      updated_at: row.updated_at,
      needs_reauthorization: !row.has_access_token || (isExpired && !row.has_refresh_token),
    }
  })
