/** In production the schema is shown by grant only: introspection is refused while the operation is validated. */
import { NoSchemaIntrospectionCustomRule } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { maySeeSchema } from '../../auth/access.ts'
import type { RequestState } from '../context.ts'

export function useSchemaPrivacy(mode: 'development' | 'production'): Plugin<object, RequestState> {
  return {
    onValidate({ context, addValidationRule }) {
      const { viewer } = context as unknown as RequestState
      if (mode === 'production' && (viewer === undefined || !maySeeSchema(viewer)))
        addValidationRule(NoSchemaIntrospectionCustomRule)
    },
  }
}
