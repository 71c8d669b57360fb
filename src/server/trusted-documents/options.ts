/** The `documents` part of the configuration: which operations are registered, and whether any other is executed. */
import { z } from 'zod'
import type { Mode } from '../../mode.ts'

const file = z.string().min(1)

export const documentsOptions = z
  .union([
    file,
    z.strictObject({
      manifest: z
        .union([file, z.array(file).min(1)])
        .describe(
          "One file or several: a map of ids to documents (GraphQL Code Generator, gql.tada, Relay), or Apollo's persisted query manifest.",
        ),
      mode: z.enum(['only', 'allow']).optional().meta({
        description: '`only` executes registered documents and refuses every other operation; `allow` executes both.',
        fallback: '`only`; in development `allow`',
      }),
      free_services: z
        .array(z.string().min(1))
        .default([])
        .describe(
          'Ids of the services that may send any operation in mode `only`: a federated gateway writes its own.',
        ),
    }),
  ])
  .optional()
  .meta({ description: 'Registered operations (trusted documents); the name of a file alone is its `manifest`.' })

type DocumentsOptions = z.output<typeof documentsOptions>

export interface DocumentsConfig {
  /** As the operator wrote them. */
  readonly manifests: readonly string[]
  readonly mode: 'only' | 'allow'
  /** The ids of services. */
  readonly free_services: readonly string[]
}

/** null: every operation is executed as it is sent. */
export function resolveDocuments(mode: Mode, options: DocumentsOptions): DocumentsConfig | null {
  if (options === undefined) return null
  const given = typeof options === 'string' ? { manifest: options, free_services: [] } : options
  return {
    manifests: typeof given.manifest === 'string' ? [given.manifest] : given.manifest,
    mode: given.mode ?? (mode === 'production' ? 'only' : 'allow'),
    free_services: given.free_services,
  }
}
