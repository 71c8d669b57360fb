/**
 * The types of this graph inside of somebody else's GraphQL server. Their server parses, validates and executes, and says
 * who asks. Access, the limits on reads and the audit are this server's. The resolvers refuse to run without the plugin, which
 * withholds an answer that is not recorded (docs/promises.md S13).
 */
import { MapperKind, mapSchema } from '@graphql-tools/utils'
import { defaultFieldResolver, GraphQLObjectType, Kind } from 'graphql'
import type { ExecutionArgs, ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import { compileGrants } from '../auth/policy.ts'
import { anonymous } from '../auth/viewer.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Config } from '../config/load.ts'
import { CodedError, Reason } from '../errors.ts'
import { GRAPHQL_PATH } from '../http/policy.ts'
import type { Log } from '../log.ts'
import type { GraphContext } from '../schema/graph-context.ts'
import { schema } from '../schema/index.ts'
import { clientSchema } from '../schema/sdl.ts'
import { createContextFactory, describeCaller, startDeadline, startRequest } from './context.ts'
import type { ContextDeps, Deadline, OperationRequest } from './context.ts'
import { withhold } from './execution/answer.ts'
import { createReasonLog, MAX_NAME_LENGTH, rootCause } from './observability/reasons.ts'
import { createMaskError } from './plugins/errors.ts'

/**
 * Who asks, as the own server has authenticated them; null: nobody. `token` is the user's own bearer token, for platforms
 * that answer to nothing else (Keycloak). `service` is the id of a service of the configuration, with its grants.
 */
export type OwnViewer = { readonly user: string; readonly token?: string } | { readonly service: string } | null

/** What one operation may reach, as the member `tokengraph` of its context. It is opaque, and for one operation only. */
export interface OwnContext {
  readonly viewer: 'anonymous' | 'user' | 'service'
}

export interface OwnServer {
  /** Executable, to be merged with another schema. Its resolvers read `context.tokengraph`. */
  readonly schema: GraphQLSchema
  /** `signal` aborts when the caller goes away. Throws for a service that the configuration does not have. */
  contextFor(viewer: OwnViewer, options?: { readonly signal?: AbortSignal }): OwnContext
  /** For Yoga and every other server with the plugins of Envelop. */
  readonly plugin: Plugin
}

/** An operation before it is executed, and while it is. */
interface Operation {
  readonly viewer: Viewer
  readonly deadline: Deadline
  readonly header: (name: string) => string | null
  running: { readonly context: GraphContext; readonly state: OperationRequest['state'] } | null
}

interface Holder {
  readonly tokengraph?: OwnContext
}

/** The issuer that the audit names for users that the own server has authenticated. */
const ISSUER = 'embedding server'

/** By the context that the own server holds. One map for the process, as the schema is one. */
const operations = new WeakMap<OwnContext, Operation>()

let wrapped: GraphQLSchema | null = null

export function createOwnServer(config: Config, { log, ...deps }: ContextDeps & { readonly log: Log }): OwnServer {
  const createContext = createContextFactory(config, deps)
  const reasons = createReasonLog(log)
  const maskError = createMaskError(log, () => false)
  const services = new Map(
    config.auth.services.map(({ id, grants, schema: maySeeIt }) => [
      id,
      { kind: 'service', id, grants: compileGrants(grants), schema: maySeeIt } as const,
    ]),
  )

  function toViewer(viewer: OwnViewer): Viewer {
    if (viewer === null) return anonymous
    if ('user' in viewer) return { kind: 'user', userId: viewer.user, issuer: ISSUER }
    const service = services.get(viewer.service)
    if (service === undefined) throw new Error('contextFor: the configuration has no such service')
    return service
  }

  function start(operation: Operation, name: string | null): NonNullable<Operation['running']> {
    const { viewer, deadline, header } = operation
    if (operation.running !== null) throw new Reason('contextFor: one context is for one operation')
    const state = startRequest({ method: 'POST', path: GRAPHQL_PATH, header: () => null }, null)
    state.viewer = viewer
    state.operationName = name?.slice(0, MAX_NAME_LENGTH) ?? null
    const onFailure = reasons.upstream(state)
    const caller = describeCaller({ header }, viewer, { source: deps.source, deadline, span: null, onFailure })
    return (operation.running = { state, context: createContext({ state, viewer, caller, operation: {} }) })
  }

  /** Coded errors as they are for callers; what the own server's resolvers threw is its own to mask. */
  const show = (error: GraphQLError): GraphQLError =>
    rootCause(error) instanceof CodedError ? maskError(error) : error

  const plugin: Plugin = {
    onExecute({ args }) {
      const { tokengraph } = args.contextValue as Holder
      const operation = tokengraph === undefined ? undefined : operations.get(tokengraph)
      if (operation === undefined) return
      const { context, state } = start(operation, nameOf(args))
      return {
        async onExecuteDone({ result, setResult }) {
          operation.deadline.stop()
          try {
            // A stream would be sent before its later decisions are recorded.
            if (isAsyncIterable(result)) throw new Reason('the answer is a stream')
            await context.audit.commit()
          } catch (error) {
            setResult({ data: null, errors: [withhold(log, state, error)] })
            return
          }
          const { errors, ...rest } = result as ExecutionResult
          if (errors !== undefined) setResult({ ...rest, errors: errors.map(show) })
        },
      }
    },
  }

  return {
    get schema() {
      return (wrapped ??= readFromMember(clientSchema(schema)))
    },
    contextFor(viewer, { signal = new AbortController().signal } = {}) {
      const authorization = viewer !== null && 'token' in viewer ? (viewer.token ?? null) : null
      const known = toViewer(viewer)
      const context: OwnContext = Object.freeze({ viewer: known.kind })
      operations.set(context, {
        viewer: known,
        deadline: startDeadline(performance.now() + config.request_timeout_ms, () => signal),
        header: (name) => (name === 'authorization' ? authorization : null),
        running: null,
      })
      return context
    },
    plugin,
  }
}

function nameOf({ operationName, document }: Pick<ExecutionArgs, 'operationName' | 'document'>): string | null {
  if (operationName != null) return operationName
  const [only, ...others] = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
  return others.length === 0 ? (only?.name?.value ?? null) : null
}

/**
 * The same types, whose resolvers find their context where the own server keeps it. Without the directives of Federation,
 * which the other schema need not have.
 */
function readFromMember(given: GraphQLSchema): GraphQLSchema {
  return mapSchema(given, {
    [MapperKind.OBJECT_TYPE]: (type) => new GraphQLObjectType({ ...type.toConfig(), extensions: {}, astNode: null }),
    [MapperKind.OBJECT_FIELD]: (field) => {
      const { resolve = defaultFieldResolver } = field
      return {
        ...field,
        extensions: {},
        astNode: null,
        resolve: (parent, args, holder: Holder, info) => resolve(parent, args, contextOf(holder), info),
      }
    },
  })
}

function contextOf({ tokengraph }: Holder): GraphContext {
  const operation = tokengraph === undefined ? undefined : operations.get(tokengraph)
  if (operation?.running == null)
    // Without the plugin nothing would be recorded.
    throw new Reason('set context.tokengraph to contextFor(…), and add tokengraph.plugin to the plugins')
  return operation.running.context
}
