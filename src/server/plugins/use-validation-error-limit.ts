/** Ends validation after so many mistakes: an operation with a thousand costs no more than one with a few. */
import type { validate } from 'graphql'
import type { Plugin } from 'graphql-yoga'

export function useValidationErrorLimit(maxErrors: number): Plugin {
  return {
    onValidate({ validateFn, setValidationFn }) {
      const next = validateFn as typeof validate
      setValidationFn(((schema, document, rules, options) =>
        next(schema, document, rules, { ...options, maxErrors })) satisfies typeof validate)
    },
  }
}
