/** How many fields an operation may select at its root. */
import type { Plugin } from 'graphql-yoga'
import { refuseByMeasure } from '../refuse-operation.ts'

export function useRootFieldLimit(max: number): Plugin {
  return refuseByMeasure(({ outermost }) =>
    outermost > max ? `The operation selects too many root fields: at most ${String(max)}.` : null,
  )
}
