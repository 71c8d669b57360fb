/** `User`: the entity. A key holder: nobody is called until a field that needs a platform is selected. */
import { checkId } from '../tokens/ids.ts'
import { checkListLength, isolate, MAX_LIST_LENGTH, requireAuthenticated, selects, tokenArguments } from './fields.ts'
import { builder } from './builder.ts'
import { ExternalAccountRef, readAccounts } from './external-account.ts'
import { OAuthAccessTokenRef, readTokens } from './oauth-access-token.ts'
import { OAuthConnectionRef } from './oauth-connection.ts'
import { readConnection, readEveryConnection, readNamedConnections } from './read-connections.ts'

export const UserRef = builder.objectRef<{ readonly id: string }>('User').implement({
  description: 'A user of the platforms, by the id that they know.',
  directives: { key: { fields: 'id' } },
  fields: (t) => ({
    id: t.exposeID('id', { nullable: false, description: 'The id of the user at the platforms.' }),
    oauth_access_tokens: t.field({
      type: [OAuthAccessTokenRef],
      nullable: { list: true, items: false },
      description: 'One for each account that the user connected at the provider; empty when none is.',
      directives: { authenticated: {}, cost: { weight: 10 }, listSize: { assumedSize: 2 } },
      args: tokenArguments,
      resolve: (user, args, context) => readTokens(context, user.id, args),
    }),
    oauth_connection: t.field({
      type: OAuthConnectionRef,
      description:
        'Where the user stands with a provider, as data: an expected failure is a status here, never an error.',
      directives: { authenticated: {}, cost: { weight: 10 } },
      args: {
        provider: t.arg.string({ required: true, description: 'The provider, as `oauth_google` or `google`.' }),
        required_scopes: t.arg.stringList({
          defaultValue: [],
          description: 'Scopes that the caller needs; those that are lacking come back as `missing_scopes`.',
        }),
      },
      resolve: (user, { provider, required_scopes }, context) =>
        readConnection(context, user.id, provider, required_scopes ?? []),
    }),
    oauth_connections: t.field({
      type: [OAuthConnectionRef],
      nullable: { list: true, items: false },
      description:
        'The same for several providers. When the list is left out, every configured or connected one, by what the platforms list: a call or less for each user, unless tokens are selected.',
      directives: { authenticated: {}, cost: { weight: 30 }, listSize: { assumedSize: 10 } },
      args: {
        providers: t.arg.stringList({ description: `The providers to ask about; at most ${String(MAX_LIST_LENGTH)}.` }),
      },
      resolve: (user, { providers }, context, info) =>
        providers == null
          ? readEveryConnection(context, user.id, selects(info, 'oauth_access_tokens'))
          : readNamedConnections(context, user.id, providers),
    }),
    external_accounts: t.field({
      type: [ExternalAccountRef],
      nullable: { list: true, items: false },
      description: 'The connected accounts, without their secrets.',
      directives: { authenticated: {}, cost: { weight: 5 }, listSize: { assumedSize: 5 } },
      resolve: (user, _, context) => readAccounts(context, user.id),
    }),
  }),
})

builder.queryFields((t) => ({
  me: t.field({
    type: UserRef,
    description: "The viewer's own user; null for a service.",
    directives: { authenticated: {} },
    resolve: (_, __, context) => {
      requireAuthenticated(context)
      return context.viewer.kind === 'user' ? { id: context.viewer.userId } : null
    },
  }),
  user: t.field({
    type: UserRef,
    description: 'The user with this id; no platform is asked until one of its fields needs one.',
    directives: { authenticated: {} },
    args: { id: t.arg.id({ required: true, description: 'The id of the user.' }) },
    resolve: (_, { id }, context) => {
      requireAuthenticated(context)
      return { id: checkId(id, 'id') }
    },
  }),
  users: t.field({
    type: [UserRef],
    nullable: { list: false, items: true },
    description: `The users with these ids, in the order asked; at most ${String(MAX_LIST_LENGTH)}.`,
    directives: { authenticated: {}, listSize: { assumedSize: MAX_LIST_LENGTH } },
    args: { ids: t.arg.idList({ required: true, description: 'The ids of the users.' }) },
    resolve: (_, { ids }, context) => {
      requireAuthenticated(context)
      checkListLength(ids, 'ids')
      // A bad id is null with an error of its own; it takes no sibling with it.
      return isolate(ids, (id, position) => ({ id: checkId(id, `ids[${String(position)}]`) }))
    },
  }),
}))
