/**
 * In production the schema is shown by grant only: introspection is refused while the operation is validated, nothing is
 * suggested, and errors repeat no name of the schema that the caller did not send (TRUST S4).
 */
import { NoSchemaIntrospectionCustomRule } from 'graphql'
import type { GraphQLSchema, validate } from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import { maySeeSchema } from '../../auth/access.ts'
import type { RequestState } from '../context.ts'
import { createHideNames } from '../hide-names.ts'
import { replaceMessage } from '../replace-message.ts'

export function useSchemaPrivacy(mode: 'development' | 'production'): Plugin<object, RequestState> {
  if (mode === 'development') return {}
  let hideNames: ReturnType<typeof createHideNames> = (message) => message
  return {
    onSchemaChange({ schema }) {
      hideNames = createHideNames(schema as GraphQLSchema)
    },
    onValidate({ context, addValidationRule, validateFn, setValidationFn }) {
      // The rule also keeps the cached results of those who may see the schema apart: its name is in the cache's key.
      if (!mayKnow(context)) addValidationRule(NoSchemaIntrospectionCustomRule)
      const next = validateFn as typeof validate
      setValidationFn(((schema, document, rules, options) =>
        next(schema, document, rules, { ...options, hideSuggestions: true })) satisfies typeof validate)
    },
    onExecutionResult({ result, setResult, context }) {
      if (result === undefined || isAsyncIterable(result) || result.errors === undefined) return
      const sent = context.params.query ?? ''
      const hide = mayKnow(context) ? (message: string) => message : (message: string) => hideNames(message, sent)
      setResult({
        ...result,
        errors: result.errors.map((error) => replaceMessage(error, hide(withoutSuggestion(error.message)))),
      })
    },
  }
}

/** One rule of graphql suggests whatever it is told. */
function withoutSuggestion(message: string): string {
  return message.replace(/ Did you mean .*\?$/s, '')
}

function mayKnow(context: object): boolean {
  const { viewer } = context as RequestState
  return viewer !== undefined && maySeeSchema(viewer)
}
