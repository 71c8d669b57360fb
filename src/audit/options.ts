/** The `audit` part of the configuration: where every decision about a token is recorded. */
import { z } from 'zod'
import type { Mode } from '../mode.ts'
import { secret } from '../lib/secret.ts'
import type { Secret } from '../lib/secret.ts'

const MIN_KEY_LENGTH = 32
const DEFAULT_PATH = './data/audit.ndjson'

export const auditOptions = z.strictObject({
  sink: z.enum(['file', 'stdout', 'none']).optional().meta({
    description:
      'Where every decision about a token is recorded before the answer leaves. With `stdout` the log goes to standard error.',
    fallback: '`stdout`; in development `none`',
  }),
  path: z.string().min(1).default(DEFAULT_PATH).describe('The file of `sink: file`; its folder is created.'),
  max_bytes: z
    .int()
    .min(65_536)
    .default(67_108_864)
    .describe('Bytes after which the file is put aside, under its name and the number of its first record.'),
  keep: z.int().min(1).optional().meta({
    description: 'How many of the files that were put aside are kept.',
    fallback: 'all of them',
  }),
  fsync: z
    .boolean()
    .default(true)
    .describe('Whether an answer waits until the disk has its records: false risks the last ones in a power failure.'),
  key: z
    .string()
    .min(MIN_KEY_LENGTH)
    .transform((value) => secret(value))
    .optional()
    .meta({
      description:
        'Random text that keys the chain of records and the fingerprints of tokens; required for `sink: file`. Without it nothing tells who wrote a record, and tokens have no fingerprint.',
    }),
})

type AuditOptions = z.output<typeof auditOptions>

export type AuditConfig =
  | { readonly sink: 'none'; readonly key: Secret | null }
  | { readonly sink: 'stdout'; readonly key: Secret | null }
  | FileAuditConfig

export interface FileAuditConfig {
  readonly sink: 'file'
  readonly key: Secret
  readonly path: string
  /** A file that would grow beyond this is rotated. */
  readonly max_bytes: number
  /** How many rotated files are kept; null: all of them. */
  readonly keep: number | null
  /** Whether each write waits until the disk has it, and not only the operating system. */
  readonly fsync: boolean
}

/** A file without a key is refused before (`config/rules.ts`). */
export function resolveAudit(mode: Mode, options: AuditOptions): AuditConfig {
  const { sink = mode === 'production' ? 'stdout' : 'none', path, max_bytes, keep = null, fsync, key = null } = options
  if (sink === 'file' && key !== null) return { sink, key, path, max_bytes, keep, fsync }
  return { sink: sink === 'file' ? 'none' : sink, key }
}
