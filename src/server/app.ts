/** The server as a function from request to response: Yoga and its ordered list of plugins. */
import { createYoga, useExecutionCancellation } from 'graphql-yoga'
import type { Audit } from '../audit/log.ts'
import { createAccess } from '../auth/policy.ts'
import type { CheckProof } from '../gateway-proof/proof.ts'
import { GRAPHQL_PATH } from '../http/policy.ts'
import { createTextCache } from '../lib/cache.ts'
import type { Mode } from '../mode.ts'
import { usePage } from './graphiql.ts'
import type { Page } from './graphiql.ts'
import { createKeyRate } from './limits/caller-rate.ts'
import { useObjectLimit } from './limits/objects.ts'
import type { Limits } from './limits/options.ts'
import { limitDocuments } from './limits/plugin.ts'
import { useMetrics } from './observability/metrics.ts'
import type { Metrics } from './observability/metrics.ts'
import { useTracing } from './observability/tracing.ts'
import type { Tracing } from './observability/tracing.ts'
import { useAudit } from './plugins/audit.ts'
import { containFailures } from './plugins/catch-errors.ts'
import { useDeadline } from './plugins/deadline.ts'
import { createMaskError, useErrorLimit } from './plugins/errors.ts'
import { useGatewayProof } from './plugins/gateway-proof.ts'
import { useHealth } from './plugins/health.ts'
import { useHttpPolicy } from './plugins/http-policy.ts'
import { useJsonBody } from './plugins/json-body.ts'
import { useSchemaPrivacy } from './plugins/privacy.ts'
import { useRequestId, useRequestLog, useResponseHeaders } from './plugins/request.ts'
import { useViewer } from './plugins/viewer.ts'
import { useTrustedDocuments } from './trusted-documents/plugin.ts'
import type { TrustedDocuments } from './trusted-documents/plugin.ts'
import type { AuthOptions } from '../auth/options.ts'
import type { Viewer } from '../auth/viewer.ts'
import { errorCodes } from '../errors.ts'
import type { Log } from '../log.ts'
import { schema } from '../schema/index.ts'
import type { SubgraphOptions } from '../schema/sdl.ts'
import type { TokenSource } from '../tokens/source.ts'
import { createContext } from './context.ts'
import type { RequestState, ServerContext } from './context.ts'

export interface AppOptions {
  readonly mode: Mode
  readonly source: TokenSource
  readonly auth: AuthOptions
  readonly audit: Audit
  readonly log: Log
  /** Turns the value of the Authorization header into a viewer; rejects with a `CodedError`. */
  identify(authorization: string | null): Promise<Viewer>
  /** null: the server answers whoever may read, and not its gateway alone. */
  readonly checkProof: CheckProof | null
  isReady(): boolean
  /** Milliseconds that one request may take. */
  readonly request_timeout_ms: number
  readonly limits: Limits
  readonly cors: { readonly origins: readonly string[] }
  readonly subgraph: SubgraphOptions
  /** null: every operation is executed as it is sent. */
  readonly documents: TrustedDocuments | null
  readonly metrics: Metrics | null
  readonly tracing: Tracing | null
  /** The page of development mode; left out: no page. */
  readonly page?: Page
}

export function createApp(options: AppOptions) {
  const {
    mode,
    source,
    auth,
    audit,
    log,
    identify,
    checkProof,
    isReady,
    request_timeout_ms,
    limits,
    cors,
    subgraph,
    documents,
    metrics,
    tracing,
    page,
  } = options
  const access = createAccess(auth)
  const takeKey = createKeyRate(limits.viewer_keys)
  const contain = (plugins: Parameters<typeof containFailures>[1]) => containFailures(log, plugins)
  return createYoga<RequestState, object>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: (state: ServerContext) =>
      createContext(state, { source, access, audit, mode, maxKeys: limits.keys, takeKey, subgraph }),
    plugins: contain([
      // every answer
      useRequestId(),
      useRequestLog(log),
      ...(metrics === null ? [] : [useMetrics(metrics)]),
      ...(tracing === null ? [] : [useTracing(tracing)]),
      useResponseHeaders(cors.origins),
      // what is answered without GraphQL
      useHealth(isReady, () => source.states()),
      useHttpPolicy(mode, { ...cors, ...limits }),
      ...(page === undefined ? [] : [usePage(page)]),
      useDeadline(request_timeout_ms),
      ...(checkProof === null ? [] : [useGatewayProof(checkProof, limits.body_bytes, log)]),
      // who asks, and what they may see of the schema
      useViewer(identify, log),
      useSchemaPrivacy(mode),
      // how much one request may ask for; the errors last, after whatever may replace them
      useJsonBody(limits.body_bytes, documents !== null),
      ...(documents === null ? [] : [useTrustedDocuments(documents, mode)]),
      ...limitDocuments(limits),
      useObjectLimit(limits.objects),
      useErrorLimit(limits.errors),
      // what the operation disclosed is recorded, or stays here
      useAudit(log),
      // a caller who has gone away wants no more fields
      useExecutionCancellation(),
    ]),
    maskedErrors: { maskError: createMaskError(log), errorMessage: errorCodes.INTERNAL_SERVER_ERROR.message },
    // Yoga's defaults are open: CORS with credentials, multipart, a landing page (TRUST section 0, finding 4).
    cors: false,
    maxRequestBodySize: limits.body_bytes,
    parserAndValidationCache: {
      documentCache: createTextCache({ entries: 1024, characters: 8192 }),
      errorCache: createTextCache({ entries: 128, characters: 8192 }),
    },
    graphiql: false,
    multipart: false,
    landingPage: false,
    // Its health check looks at the end of the URL alone and precedes every plugin; no URL ends so.
    healthCheckEndpoint: '\0',
    batching: false,
    logging: false,
  })
}
