/** How many aliases an operation may have. `__typename` counts: exempting it is the hole in others' limits (TRUST finding 5). */
import type { Plugin } from 'graphql-yoga'
import { refuseByMeasure } from '../refuse-operation.ts'

export function useAliasLimit(max: number): Plugin {
  return refuseByMeasure(({ aliases }) =>
    aliases > max ? `The operation has too many aliases: at most ${String(max)}.` : null,
  )
}
