/** The limits that a document keeps or breaks by itself, whatever its variables are. */
import type { Plugin } from 'graphql-yoga'
import { GraphQLError, parse } from 'graphql'
import type { DocumentNode, ParseOptions, Source, validate } from 'graphql'
import { measureDocument } from './measure.ts'
import type { Measure } from './measure.ts'
import type { Limits } from './options.ts'

export function limitDocuments(limits: Limits): Plugin[] {
  return [
    useTokenLimit(limits.tokens),
    useDepthLimit(limits.depth),
    useFieldLimit(limits.fields),
    useRootFieldLimit(limits.root_fields),
    useAliasLimit(limits.aliases),
    useDirectiveLimit(limits.directives),
    useValidationErrorLimit(limits.validation_errors),
  ]
}

/** The refusal of an operation as a whole, before any of it is validated. */

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

/** Ends parsing after so many lexical tokens: nothing later is ever larger than this. */

export function useTokenLimit(maxTokens: number): Plugin {
  return {
    onParse({ setParseFn }) {
      setParseFn((source: string | Source, options?: ParseOptions) => parse(source, { ...options, maxTokens }))
      return ({ result, replaceParseResult }) => {
        // graphql gives the error no code; its sentence is "Document contains more that 1000 tokens. Parsing aborted."
        if (result instanceof Error && /Document contains more tha[nt] \d+ tokens/.test(result.message))
          replaceParseResult(refuseOperation(`The operation is too long: at most ${String(maxTokens)} tokens.`))
      }
    },
  }
}

/** How deep fields may lie below each other; introspection, which is deeper than any use, has an allowance of its own. */

// The standard introspection query has 14 levels below `__schema`. Who may not see the schema is refused by another plugin.
const INTROSPECTION_DEPTH = 20

export function useDepthLimit(max: number): Plugin {
  return refuseByMeasure(({ depth, introspection }) =>
    depth > max || introspection.depth > INTROSPECTION_DEPTH
      ? `The operation is too deep: at most ${String(max)} levels.`
      : null,
  )
}

/** How many fields an operation may select once its fragments are spread; introspection has an allowance of its own. */

// The standard introspection query selects about 220 fields.
const INTROSPECTION_FIELDS = 500

export function useFieldLimit(max: number): Plugin {
  return refuseByMeasure(({ fields, introspection }) =>
    fields > max || introspection.fields > INTROSPECTION_FIELDS
      ? `The operation selects too many fields: at most ${String(max)}.`
      : null,
  )
}

/** How many fields an operation may select at its root. */

export function useRootFieldLimit(max: number): Plugin {
  return refuseByMeasure(({ outermost }) =>
    outermost > max ? `The operation selects too many root fields: at most ${String(max)}.` : null,
  )
}

/** How many aliases an operation may have. `__typename` counts: exempting it is the hole in others' limits (TRUST finding 5). */

export function useAliasLimit(max: number): Plugin {
  return refuseByMeasure(({ aliases }) =>
    aliases > max ? `The operation has too many aliases: at most ${String(max)}.` : null,
  )
}

/** How many directives an operation may have, known ones or not. */

export function useDirectiveLimit(max: number): Plugin {
  return refuseByMeasure(({ directives }) =>
    directives > max ? `The operation has too many directives: at most ${String(max)}.` : null,
  )
}

/** Ends validation after so many mistakes: an operation with a thousand costs no more than one with a few. */

export function useValidationErrorLimit(maxErrors: number): Plugin {
  return {
    onValidate({ validateFn, setValidationFn }) {
      const next = validateFn as typeof validate
      setValidationFn(((schema, document, rules, options) =>
        next(schema, document, rules, { ...options, maxErrors })) satisfies typeof validate)
    },
  }
}
