/** How deep fields may lie below each other; introspection, which is deeper than any use, has an allowance of its own. */
import type { Plugin } from 'graphql-yoga'
import { refuseByMeasure } from '../refuse-operation.ts'

// The standard introspection query has 14 levels below `__schema`. Who may not see the schema is refused by another plugin.
const INTROSPECTION_DEPTH = 20

export function useDepthLimit(max: number): Plugin {
  return refuseByMeasure(({ depth, introspection }) =>
    depth > max || introspection.depth > INTROSPECTION_DEPTH
      ? `The operation is too deep: at most ${String(max)} levels.`
      : null,
  )
}
