/** What the plugins know of a request, and the context that resolvers get. */
import { hash } from 'node:crypto'
import type { YogaInitialContext } from 'graphql-yoga'
import type { Audit } from '../audit/log.ts'
import { createTrail } from '../audit/trail.ts'
import { maySeeSchema } from '../auth/policy.ts'
import type { Access } from '../auth/policy.ts'
import type { Viewer } from '../auth/viewer.ts'
import { secret } from '../lib/secret.ts'
import type { Mode } from '../mode.ts'
import type { GraphContext } from '../schema/builder.ts'
import type { SubgraphOptions } from '../schema/sdl.ts'
import { createLoaders } from '../tokens/loaders.ts'
import type { Caller, TokenSource } from '../tokens/source.ts'
import { callerOf, createAdmitKey } from './limits/caller-rate.ts'
import type { TakeKey } from './limits/caller-rate.ts'
import type { RequestSpan } from './observability/tracing.ts'
import type { Deadline } from './plugins/deadline.ts'

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
  readonly mode: Mode
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
      requestId: request_id ?? null,
      operationName: operation_name ?? null,
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

/** What the loaders know of whoever sent the request. */

export interface CallerFacts {
  readonly request: Request
  readonly viewer: Viewer
  readonly deadline: Deadline | undefined
  /** Whether any upstream wants the subject's own credential. */
  readonly forwards: boolean
}

/** The caller's own token goes along only where an upstream asks for it, and speaks for nobody but the caller. */
export function describeCaller({ request, viewer, deadline, forwards }: CallerFacts): Caller {
  return {
    signal: deadline?.signal ?? request.signal,
    deadline: deadline?.at,
    viewer: callerOf(viewer) ?? undefined,
    subject: forwards && viewer.kind === 'user' ? subjectOf(viewer.userId, request) : undefined,
  }
}

function subjectOf(user_id: string, request: Request): Caller['subject'] {
  // It was verified: one token after one scheme.
  const token = request.headers.get('authorization')?.replace(/^Bearer +/i, '') ?? ''
  return { user_id, credential: { secret: secret(token), id: hash('sha256', token, 'base64url') } }
}
