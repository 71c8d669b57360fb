/** The `audit` part of the configuration: where every decision about a token is recorded. */
import { z } from 'zod'
import { secret } from '../lib/secret.ts'
import type { Secret } from '../lib/secret.ts'
import type { Mode } from '../mode.ts'

const MIN_KEY_LENGTH = 32
const DEFAULT_PATH = './data/audit.ndjson'

export const auditOptions = z.strictObject({
  sink: z.enum(['file', 'stdout', 'none']).optional().meta({
    description:
      'Where every decision about a token is recorded before the answer is sent. With `stdout` the log goes to standard error.',
    fallback: '`stdout`; in development `none`',
  }),
  path: z.string().min(1).default(DEFAULT_PATH).describe('The file of `sink: file`; its folder is created.'),
  head_path: z.string().min(1).optional().meta({
    description:
      'For `sink: stdout`: a file that keeps the last record of the run, so that the next run names it and `audit verify --stream` finds a run that is missing.',
    fallback: 'each run stands by itself',
  }),
  max_bytes: z
    .int()
    .min(65_536)
    .default(67_108_864)
    .describe('Bytes after which the file is rotated: renamed to its name and the number of its first record.'),
  keep: z.int().min(1).optional().meta({
    description: 'How many rotated files are kept.',
    fallback: 'all of them',
  }),
  fsync: z
    .union([z.boolean(), z.literal('interval')])
    .default(true)
    .describe(
      'Whether an answer waits until its record is on disk. `interval`: it is there within 100 milliseconds, and a power failure may lose the records of that time; `false`: the operating system decides when.',
    ),
  key: z
    .string()
    .min(MIN_KEY_LENGTH)
    .transform((value) => secret(value))
    .optional()
    .meta({
      description:
        'Random text that keys the chain of records and the fingerprints of tokens; required for `sink: file`. Without it records can be forged, and tokens have no fingerprint.',
    }),
})

type AuditOptions = z.output<typeof auditOptions>

export type AuditConfig = { readonly sink: 'none'; readonly key: Secret | null } | StreamAuditConfig | FileAuditConfig

export interface StreamAuditConfig {
  readonly sink: 'stdout'
  readonly key: Secret | null
  /** Where the last record of a run is noted for the next one; null: nowhere. */
  readonly head_path: string | null
}

export interface FileAuditConfig {
  readonly sink: 'file'
  readonly key: Secret
  readonly path: string
  /** A file that would grow beyond this is rotated. */
  readonly max_bytes: number
  /** How many rotated files are kept; null: all of them. */
  readonly keep: number | null
  /** Whether each write waits until the disk has it, and not only the operating system; `interval`: it has it soon. */
  readonly fsync: boolean | 'interval'
}

/** Applies the defaults of the mode. `config/rules.ts` refuses a file without a key before. */
export function resolveAudit(mode: Mode, options: AuditOptions): AuditConfig {
  const { sink = mode === 'production' ? 'stdout' : 'none', path, max_bytes, keep = null, fsync, key = null } = options
  if (sink === 'file' && key !== null) return { sink, key, path, max_bytes, keep, fsync }
  return sink === 'stdout' ? { sink, key, head_path: options.head_path ?? null } : { sink: 'none', key }
}
