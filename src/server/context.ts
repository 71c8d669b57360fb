/** What the plugins know of a request, and the context that resolvers get. */
import type { YogaInitialContext } from 'graphql-yoga'
import type { Access } from '../auth/access.ts'
import { maySeeSchema } from '../auth/access.ts'
import type { Audit } from '../auth/audit.ts'
import { createTrail } from '../auth/audit-trail.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { GraphContext } from '../schema/builder.ts'
import type { SubgraphOptions } from '../schema/sdl.ts'
import { createLoaders } from '../tokens/loaders.ts'
import type { TokenSource } from '../tokens/source.ts'
import { callerOf, createAdmitKey } from './admit-keys.ts'
import type { TakeKey } from './admit-keys.ts'
import { describeCaller } from './caller.ts'
import type { Deadline } from './deadline.ts'
import type { RequestSpan } from './tracing.ts'

/** Filled by the plugins, in their order; lives as long as the request. */
export interface RequestState {
  request_id?: string
  /** Milliseconds, from a monotonic clock. */
  started_at?: number
  /** Which proof of the gateway held. */
  gateway?: string
  viewer?: Viewer
  operation_name?: string
  /** Of the registered document that is executed. */
  document_id?: string
  /** Only registered documents are executed, but this caller may also ask for the schema. */
  schema_only?: boolean
  deadline?: Deadline
  span?: RequestSpan
}

export type ServerContext = YogaInitialContext & RequestState

interface ContextParts {
  readonly source: TokenSource
  readonly access: Access
  readonly audit: Audit
  readonly mode: 'development' | 'production'
  /** Token keys of one operation. */
  readonly maxKeys: number
  readonly takeKey: TakeKey
  readonly subgraph: SubgraphOptions
}

/** The context of one operation; its loaders live exactly as long as the request. */
export function createContext(
  { request, viewer = { kind: 'anonymous' }, request_id, operation_name, deadline }: ServerContext,
  { source, access, audit, mode, maxKeys, takeKey, subgraph }: ContextParts,
): GraphContext {
  return {
    viewer,
    access,
    audit: createTrail(audit, {
      viewer,
      request_id,
      operation_name,
      traceparent: request.headers.get('traceparent'),
    }),
    load: createLoaders(
      source,
      describeCaller({ request, viewer, deadline, forwards: source.forwards }),
      createAdmitKey(maxKeys, callerOf(viewer), takeKey),
    ),
    providers: source.providers,
    maySeeSchema: mode === 'development' || maySeeSchema(viewer),
    subgraph,
  }
}
