/** How many fields an operation may select once its fragments are spread; introspection has an allowance of its own. */
import type { Plugin } from 'graphql-yoga'
import { refuseByMeasure } from '../refuse-operation.ts'

// The standard introspection query selects about 220 fields.
const INTROSPECTION_FIELDS = 500

export function useFieldLimit(max: number): Plugin {
  return refuseByMeasure(({ fields, introspection }) =>
    fields > max || introspection.fields > INTROSPECTION_FIELDS
      ? `The operation selects too many fields: at most ${String(max)}.`
      : null,
  )
}
