/** The limits that a document keeps or breaks by itself, whatever its variables are. */
import type { Plugin } from 'graphql-yoga'
import type { Limits } from '../config/limits.ts'
import { useAliasLimit } from './plugins/use-alias-limit.ts'
import { useDepthLimit } from './plugins/use-depth-limit.ts'
import { useDirectiveLimit } from './plugins/use-directive-limit.ts'
import { useFieldLimit } from './plugins/use-field-limit.ts'
import { useRootFieldLimit } from './plugins/use-root-field-limit.ts'
import { useTokenLimit } from './plugins/use-token-limit.ts'
import { useValidationErrorLimit } from './plugins/use-validation-error-limit.ts'

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
