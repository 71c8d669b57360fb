/** The limits on a document, whatever its variables are (docs/promises.md S11). */
import type { Plugin } from 'graphql-yoga'
import { parse } from 'graphql'
import type { DocumentNode, ParseOptions, Source, validate } from 'graphql'
import { operationError } from '../plugins/errors.ts'
import { measureDocument } from './measure.ts'
import type { Measure } from './measure.ts'
import type { Limits } from './options.ts'

/**
 * Introspection is deeper than any other query and has an allowance of its own: the standard query has 14 levels and
 * about 220 fields below `__schema`. Callers who may not see the schema are refused by another plugin.
 */
const INTROSPECTION_DEPTH = 20
const INTROSPECTION_FIELDS = 500

interface Limit {
  isExceeded(measure: Measure): boolean
  /** Names the limit and its value, and nothing of the schema. */
  readonly message: string
}

/** The first that is exceeded is reported. */
function createLimits({ directives, aliases, root_fields: rootFields, fields, depth }: Limits): readonly Limit[] {
  return [
    {
      // Also of unknown directives.
      isExceeded: (measure) => measure.directives > directives,
      message: `The operation has too many directives: at most ${directives}.`,
    },
    {
      // Also of `__typename`: where it is exempt, it is the way around the limit.
      isExceeded: (measure) => measure.aliases > aliases,
      message: `The operation has too many aliases: at most ${aliases}.`,
    },
    {
      isExceeded: (measure) => measure.outermost > rootFields,
      message: `The operation selects too many root fields: at most ${rootFields}.`,
    },
    {
      isExceeded: (measure) => measure.fields > fields,
      message: `The operation selects too many fields: at most ${fields}.`,
    },
    {
      isExceeded: ({ introspection }) => introspection.fields > INTROSPECTION_FIELDS,
      message: `The operation selects too many fields of the schema: at most ${INTROSPECTION_FIELDS}.`,
    },
    {
      isExceeded: (measure) => measure.depth > depth,
      message: `The operation is too deep: at most ${depth} levels.`,
    },
    {
      isExceeded: ({ introspection }) => introspection.depth > INTROSPECTION_DEPTH,
      message: `The introspection is too deep: at most ${INTROSPECTION_DEPTH} levels.`,
    },
  ]
}

/** Refuses documents that are too large: by their tokens while they are parsed, by the rest before they are validated. */
export function useDocumentLimits(limits: Limits): Plugin {
  const { tokens: maxTokens, validation_errors: maxErrors } = limits
  const measured = createLimits(limits)
  return {
    onParse({ setParseFn }) {
      setParseFn((source: string | Source, options?: ParseOptions) => parse(source, { ...options, maxTokens }))
      return ({ result, replaceParseResult }) => {
        // graphql-js gives this error no code: "Document contains more that 1000 tokens. Parsing aborted."
        if (result instanceof Error && /Document contains more tha[nt] \d+ tokens/.test(result.message))
          replaceParseResult(operationError(`The operation is too long: at most ${maxTokens} tokens.`))
      }
    },
    onValidate({ params, setResult, validateFn, setValidationFn }) {
      const measure = measureDocument(params.documentAST as DocumentNode)
      const exceeded = measured.find(({ isExceeded }) => isExceeded(measure))
      if (exceeded !== undefined) setResult([operationError(exceeded.message)])
      // Validation ends after so many errors: a document with a thousand costs no more than one with a few.
      const next = validateFn as typeof validate
      setValidationFn(((schema, document, rules, options) =>
        next(schema, document, rules, { ...options, maxErrors })) satisfies typeof validate)
    },
  }
}
