/** Apart from the builder, because the types of the package lead here, and not to Pothos (ADR 15). */
import type { AuditTrail } from '../audit/trail.ts'
import type { OperationAccess } from '../auth/policy.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Loaders } from '../tokens/loaders.ts'
import type { ServedProvider, TokenSource } from '../tokens/source.ts'
import type { SubgraphOptions } from './options.ts'

/** What a resolver may reach: who asks, what they may read, and this request's loaders. */
export interface GraphContext {
  readonly viewer: Viewer
  /** What the viewer may read, for as long as this operation lasts. */
  readonly access: OperationAccess
  /** Where every decision of this operation is put down. */
  readonly audit: AuditTrail
  readonly load: Loaders
  readonly providers: readonly ServedProvider[]
  readonly keeperOf: TokenSource['keeperOf']
  readonly keepers: TokenSource['keepers']
  /** Whether the viewer may read the schema: always in development, by grant in production. */
  readonly maySeeSchema: boolean
  /** What `_service` prints. */
  readonly subgraph: SubgraphOptions
}
