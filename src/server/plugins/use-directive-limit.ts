/** How many directives an operation may have, known ones or not. */
import type { Plugin } from 'graphql-yoga'
import { refuseByMeasure } from '../refuse-operation.ts'

export function useDirectiveLimit(max: number): Plugin {
  return refuseByMeasure(({ directives }) =>
    directives > max ? `The operation has too many directives: at most ${String(max)}.` : null,
  )
}
