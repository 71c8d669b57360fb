/**
 * Hides the schema in production from callers without the grant: introspection is refused while the operation is
 * validated, nothing is suggested, and errors repeat no name of the schema that the caller did not send
 * (docs/promises.md S4).
 */
import { isAsyncIterable } from 'graphql-yoga'
import {
  getOperationAST,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  Kind,
  NoSchemaIntrospectionCustomRule,
} from 'graphql'
import type {
  DocumentNode,
  execute,
  ExecutionArgs,
  GraphQLSchema,
  SelectionSetNode,
  validate,
  ValidationRule,
} from 'graphql'
import { maySeeSchema } from '../../auth/policy.ts'
import type { Mode } from '../../mode.ts'
import { clientSchema } from '../../schema/sdl.ts'
import type { GraphPlugin } from '../context.ts'
import { replaceMessage } from './errors.ts'

export function useSchemaPrivacy(mode: Mode): GraphPlugin {
  if (mode === 'development') return {}
  let redactNames: RedactNames = (message) => message
  return {
    onSchemaChange({ schema }) {
      redactNames = createRedactNames(schema as GraphQLSchema)
    },
    onValidate({ context, addValidationRule, validateFn, setValidationFn }) {
      if (!maySeeSchema(context.viewer)) addRuleForSome(addValidationRule, NoSchemaIntrospectionCustomRule)
      const next = validateFn as typeof validate
      setValidationFn(((schema, document, rules, options) =>
        next(schema, document, rules, { ...options, hideSuggestions: true })) satisfies typeof validate)
    },
    onExecutionResult({ result, setResult, context }) {
      if (result === undefined || isAsyncIterable(result) || result.errors === undefined) return
      const isShown = maySeeSchema(context.viewer)
      const sent = context.params.query ?? ''
      setResult({
        ...result,
        errors: result.errors.map((error) => {
          const message = withoutSuggestion(error.message)
          return replaceMessage(error, isShown ? message : redactNames(message, sent))
        }),
      })
    },
  }
}

/** Answers introspection out of the schema as clients see it, without the names of federation. */
export function useClientIntrospection(): GraphPlugin {
  let shown: GraphQLSchema | null = null
  return {
    onSchemaChange({ schema }) {
      shown = clientSchema(schema as GraphQLSchema)
    },
    onExecute({ args, executeFn, setExecuteFn }) {
      const { document, operationName } = args as ExecutionArgs
      if (shown === null || !introspectsOnly(document, operationName)) return
      const next = executeFn as typeof execute
      setExecuteFn(((given) => next({ ...given, schema: shown ?? given.schema })) satisfies typeof execute)
    },
  }
}

/** Whether the operation selects nothing but introspection at its root. */
function introspectsOnly(document: DocumentNode, operationName: string | null | undefined): boolean {
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition.selectionSet] as const] : [],
    ),
  )
  // The document is valid: fragments exist and form no cycle.
  const only = ({ selections }: SelectionSetNode): boolean =>
    selections.every((selection) => {
      if (selection.kind === Kind.FIELD) return selection.name.value.startsWith('__')
      const inner =
        selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : fragments.get(selection.name.value)
      return inner !== undefined && only(inner)
    })
  const operation = getOperationAST(document, operationName)
  return operation !== null && operation !== undefined && only(operation.selectionSet)
}

/**
 * Adds a rule that applies to some callers only. Yoga caches the results of validation by the names of the rules: the
 * name of this one keeps the results of these callers apart from those of all others.
 */
export function addRuleForSome(addValidationRule: (rule: ValidationRule) => void, rule: ValidationRule): void {
  if (rule.name === '') throw new Error('a validation rule for some callers needs a name')
  addValidationRule(rule)
}

const suggestion = ' Did you mean '

/** One rule of graphql-js suggests names in spite of `hideSuggestions`, at the end of its message. */
function withoutSuggestion(message: string): string {
  const at = message.lastIndexOf(suggestion)
  return at !== -1 && /[?…]$/.test(message) ? message.slice(0, at) : message
}

const name = /[_A-Za-z][_0-9A-Za-z]*/g
// Values of variables are quoted as JSON, so a quotation mark within one is escaped. A message that was shortened may
// end within a quotation.
const quotation = /"(?:\\.|[^"\\])*(?:"|$)/g

type RedactNames = (message: string, sent: string) => string

/**
 * Returns a function from a message and the text of the operation to the message without those names of the schema that
 * are not in the text: GraphQL's own messages name the types and arguments next to a mistake. GraphQL quotes every name
 * that it mentions, so only quotations are searched.
 */
function createRedactNames(schema: GraphQLSchema): RedactNames {
  const names = namesOf(schema)
  return (message, sent) => {
    if (!message.includes('"')) return message
    const known = new Set(sent.match(name))
    return message.replace(quotation, (quoted) => {
      const isRevealed = (quoted.match(name) ?? []).some((word) => names.has(word) && !known.has(word))
      return isRevealed ? '"…"' : quoted
    })
  }
}

function namesOf(schema: GraphQLSchema): ReadonlySet<string> {
  const names = new Set(schema.getDirectives().map((directive) => directive.name))
  for (const type of Object.values(schema.getTypeMap())) {
    // `ID` and `Int` are GraphQL's, but next to an argument they tell its type.
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
