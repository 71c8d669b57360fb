/** The server as a function from request to response: Yoga and its ordered list of plugins. */
import { createYoga, useExecutionCancellation } from 'graphql-yoga'
import { createAccess } from '../auth/access.ts'
import type { AuthOptions } from '../auth/options.ts'
import type { Viewer } from '../auth/viewer.ts'
import { errorCodes } from '../errors.ts'
import type { Log } from '../log.ts'
import { schema } from '../schema/index.ts'
import type { TokenSource } from '../tokens/source.ts'
import { createContext } from './context.ts'
import type { RequestState, ServerContext } from './context.ts'
import { GRAPHQL_PATH } from './http-policy.ts'
import { createMaskError } from './mask-error.ts'
import type { Page } from './page.ts'
import { useHealth } from './plugins/use-health.ts'
import { useHttpPolicy } from './plugins/use-http-policy.ts'
import { usePage } from './plugins/use-page.ts'
import { useRequestId } from './plugins/use-request-id.ts'
import { useRequestLog } from './plugins/use-request-log.ts'
import { useResponseHeaders } from './plugins/use-response-headers.ts'
import { useSchemaPrivacy } from './plugins/use-schema-privacy.ts'
import { useViewer } from './plugins/use-viewer.ts'

export interface AppOptions {
  readonly mode: 'development' | 'production'
  readonly source: TokenSource
  readonly auth: AuthOptions
  readonly log: Log
  /** Turns the value of the Authorization header into a viewer; rejects with a `CodedError`. */
  identify(authorization: string | null): Promise<Viewer>
  isReady(): boolean
  /** The page of development mode; left out: no page. */
  readonly page?: Page
}

export function createApp({ mode, source, auth, log, identify, isReady, page }: AppOptions) {
  const access = createAccess(auth)
  return createYoga<RequestState, object>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: (state: ServerContext) => createContext(state, { source, access, mode }),
    plugins: [
      // every answer
      useRequestId(),
      useRequestLog(log),
      useResponseHeaders(),
      // what is answered without GraphQL
      useHealth(isReady),
      useHttpPolicy(mode),
      ...(page === undefined ? [] : [usePage(page)]),
      // who asks, and what they may see of the schema
      useViewer(identify, log),
      useSchemaPrivacy(mode),
      // a caller who has gone away wants no more fields
      useExecutionCancellation(),
    ],
    maskedErrors: { maskError: createMaskError(log), errorMessage: errorCodes.INTERNAL_SERVER_ERROR.message },
    // Yoga's defaults are open: CORS with credentials, multipart, a landing page (TRUST section 0, finding 4).
    cors: false,
    graphiql: false,
    multipart: false,
    landingPage: false,
    // Its health check looks at the end of the URL alone and precedes every plugin; no URL ends so.
    healthCheckEndpoint: '\0',
    batching: false,
    logging: false,
  })
}
