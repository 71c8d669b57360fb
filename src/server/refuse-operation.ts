/** The refusal of an operation as a whole, before any of it is validated. */
import { GraphQLError } from 'graphql'
import type { DocumentNode } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { measureDocument } from './measure-document.ts'
import type { Measure } from './measure-document.ts'

/** `message` names the kind of the limit and its value, never anything of the schema. */
export function refuseOperation(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } })
}

/** A plugin that refuses documents by their measure; `check` returns the message, or null to let them through. */
export function refuseByMeasure(check: (measure: Measure) => string | null): Plugin {
  return {
    onValidate({ params, setResult }) {
      const message = check(measureDocument(params.documentAST as DocumentNode))
      if (message !== null) setResult([refuseOperation(message)])
    },
  }
}
