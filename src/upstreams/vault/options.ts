/** The keys below `upstreams.<name>` in the configuration of a vault. */
import { z } from 'zod'
import { secret } from '../../tokens/secret.ts'
import { findRepeatedId } from './keyring.ts'

const MIN_SECRET_LENGTH = 32

const key = z.strictObject({
  /** Stands beside every row that the key wrapped. */
  id: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected 1 to 64 letters, digits and _ . -'),
  /** Random text such as `openssl rand -base64 32` prints: it is stretched by HKDF, which does not slow down guessing. */
  secret: z
    .string()
    .min(MIN_SECRET_LENGTH, `expected at least ${String(MIN_SECRET_LENGTH)} characters`)
    .transform((value) => secret(value)),
})

export const vaultOptions = z.strictObject({
  /** The database file; it and its folder are created when they are missing. */
  path: z.string().min(1),
  /** The first key wraps what is written; the others only read. */
  keys: z
    .array(key)
    .min(1)
    .superRefine((keys, context) => {
      const repeated = findRepeatedId(keys)
      if (repeated !== null) context.addIssue({ code: 'custom', message: `two keys have the id ${repeated}` })
    }),
})

export type VaultOptions = z.output<typeof vaultOptions>
