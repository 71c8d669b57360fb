/**
 * In production the schema is shown by grant only: introspection is refused while the operation is validated, nothing is
 * suggested, and errors repeat no name of the schema that the caller did not send (TRUST S4).
 */
import { isAsyncIterable } from 'graphql-yoga'
import type { Plugin } from 'graphql-yoga'
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType, NoSchemaIntrospectionCustomRule } from 'graphql'
import type { GraphQLSchema, validate } from 'graphql'
import { maySeeSchema } from '../../auth/policy.ts'
import type { RequestState } from '../context.ts'
import type { Mode } from '../../mode.ts'
import { replaceMessage } from './errors.ts'

export function useSchemaPrivacy(mode: Mode): Plugin<object, RequestState> {
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

/** Takes names of the schema out of error messages: GraphQL's own tell the types and arguments next to a mistake. */

const name = /[_A-Za-z][_0-9A-Za-z]*/g
// Values of variables are quoted as JSON, so a quotation mark within one is escaped.
const quotation = /"(?:\\.|[^"\\])*"/g

/**
 * Returns a function from a message and the text of the operation to the message without the names of the schema that
 * do not stand in that text. GraphQL quotes every name that it mentions, so only what is quoted is looked at.
 */
export function createHideNames(schema: GraphQLSchema): (message: string, sent: string) => string {
  const names = namesOf(schema)
  return (message, sent) => {
    if (!message.includes('"')) return message
    const known = new Set(sent.match(name))
    return message.replace(quotation, (quoted) => {
      const revealed = (quoted.match(name) ?? []).some((word) => names.has(word) && !known.has(word))
      return revealed ? '"…"' : quoted
    })
  }
}

function namesOf(schema: GraphQLSchema): ReadonlySet<string> {
  const names = new Set(schema.getDirectives().map((directive) => directive.name))
  for (const type of Object.values(schema.getTypeMap())) {
    // `ID` and `Int` are GraphQL's, but beside an argument they tell its type.
    names.add(type.name)
    if (isEnumType(type)) for (const value of type.getValues()) names.add(value.name)
    if (isObjectType(type) || isInterfaceType(type))
      for (const field of Object.values(type.getFields())) {
        names.add(field.name)
        for (const argument of field.args) names.add(argument.name)
      }
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) names.add(field.name)
  }
  return names
}
