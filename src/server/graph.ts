/**
 * The GraphQL part of the server. An operation that is asked often is executed by its plan (`execution/`); every other
 * one, and everything that is wrong with one, is Yoga's. Both answer the same.
 */
import type { Config } from '../config/load.ts'
import { answerType } from '../http/error-response.ts'
import type { Log } from '../log.ts'
import { schema } from '../schema/index.ts'
import { createContextFactory } from './context.ts'
import type { ContextDeps, OperationRequest } from './context.ts'
import { createAnswerPlanned } from './execution/answer.ts'
import { createPlannedOperations } from './execution/operations.ts'
import type { Metrics } from './observability/metrics.ts'
import { createDefectLog, MAX_NAME_LENGTH } from './observability/reasons.ts'
import { createHideSchema, createMaskError, errorLimitsOf } from './plugins/errors.ts'
import { createTextOf } from './trusted-documents/plugin.ts'
import type { TrustedDocuments } from './trusted-documents/plugin.ts'
import { createYogaExecute } from './yoga.ts'
import type { Execute } from './yoga.ts'

export interface GraphDeps extends ContextDeps {
  readonly log: Log
  /** Null executes every operation as it is sent. */
  readonly documents: TrustedDocuments | null
  readonly metrics: Metrics | null
  /** Times that Yoga executes an operation before it has a plan of its own; for tests. */
  readonly asksBeforePlan?: number | undefined
}

export function createGraph(
  config: Pick<Config, 'mode' | 'auth' | 'limits' | 'subgraph'>,
  { log, documents, asksBeforePlan, ...deps }: GraphDeps,
): Execute {
  const { mode, limits } = config
  const logged = new WeakSet<object>()
  const noteLogged = (error: unknown): void => {
    if (error instanceof Error) logged.add(error)
  }
  const isLogged = (error: unknown): boolean => error instanceof Error && logged.has(error)
  const createContext = createContextFactory(config, deps)
  const answering = {
    log,
    maxErrors: errorLimitsOf(limits),
    logDefects: createDefectLog(log, noteLogged),
    maskError: createMaskError(log, isLogged),
    hideSchema: createHideSchema(mode, schema),
  }
  const answer = createAnswerPlanned(answering)
  const executeByYoga = createYogaExecute(config, { documents, createContext, ...answering })
  const operations = createPlannedOperations(schema, {
    limits,
    registered: documents?.documents.values() ?? [],
    asksBeforePlan,
  })
  const textOf = createTextOf(documents)

  const find = (request: OperationRequest) => {
    const text = textOf(request)
    const { operationName, variables } = request.operation
    return text === null ? null : operations.find(text, operationName ?? null, variables ?? {})
  }

  return (request, accept, signal) => {
    const type = answerType(accept)
    const planned = type === null ? null : find(request)
    if (type === null || planned === null) return executeByYoga(request, accept, signal)
    // Before the context, whose records name the operation.
    request.state.operationName ??= planned.plan.operation.name?.value.slice(0, MAX_NAME_LENGTH) ?? null
    return answer(planned, { request, context: createContext(request), type, signal })
  }
}
