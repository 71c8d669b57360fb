/**
 * How many objects an operation may ask for, once its variables are known: aliases and lists of ids multiply, and to
 * refuse each of a hundred thousand users costs more than to answer (some 25 microseconds for an error).
 */
import type { DocumentNode } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { countObjects } from '../count-objects.ts'
import { refuseOperation } from '../refuse-operation.ts'

interface ExecutionParts {
  readonly document: DocumentNode
  readonly operationName?: string | null
  readonly variableValues?: Readonly<Record<string, unknown>> | null
}

export function useObjectLimit(max: number): Plugin {
  return {
    onExecute({ args, setResultAndStopExecution }) {
      const { document, operationName, variableValues } = args as ExecutionParts
      if (countObjects(document, operationName, variableValues ?? {}) <= max) return
      const error = refuseOperation(`The operation asks for too many objects: at most ${String(max)}.`)
      // for Yoga, as on the errors of validation: 400 where the caller can tell it from a transport error
      error.extensions.http = { spec: true, status: 400 }
      setResultAndStopExecution({ errors: [error] })
    },
  }
}
