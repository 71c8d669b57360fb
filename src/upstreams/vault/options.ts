/** The keys below `upstreams.<name>` in the configuration of a vault. */
import { z } from 'zod'
import { secret } from '../kit.ts'
import { findRepeatedId } from './crypto.ts'

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

export const vaultOptions = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe('The database file; it and its folder are created, for their owner alone, when they are missing.'),
  keys: z
    .array(key)
    .min(1)
    .superRefine((keys, context) => {
      if (findRepeatedId(keys) !== null) context.addIssue({ code: 'custom', message: 'two keys have the same id' })
    })
    .describe('The key ring: the first key wraps what is written, the others only read.'),
})

export type VaultOptions = z.output<typeof vaultOptions>
