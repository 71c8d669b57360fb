/** `OAuthProvider`: what this graph serves, and from where. */
import type { ServedProvider } from '../tokens/source.ts'
import { providerId, requireAuthenticated } from './fields.ts'
import { builder } from './builder.ts'

const ProviderRef = builder.objectRef<ServedProvider>('OAuthProvider').implement({
  description: 'A provider that this graph serves.',
  fields: (t) => ({
    id: t.id({
      nullable: false,
      resolve: ({ id }) => providerId(id),
      description: 'The name that callers use, as `oauth_google`; `*` stands for every provider that is not listed.',
    }),
    upstream: t.exposeString('upstream', {
      nullable: false,
      description: 'The configured upstream that answers for it.',
    }),
    platform: t.exposeString('platform', {
      nullable: false,
      description: 'The kind of platform that the upstream is, as `clerk`.',
    }),
  }),
})

builder.queryField('providers', (t) =>
  t.field({
    type: [ProviderRef],
    nullable: false,
    description: 'The providers that this graph serves, and by which upstream.',
    directives: { authenticated: {} },
    resolve: (_, __, context) => {
      requireAuthenticated(context)
      return context.providers
    },
  }),
)
