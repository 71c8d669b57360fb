/** `disconnect_account`: an account is forgotten here, and its grant revoked at the provider (docs/events.md). */
import { badUserInput } from '../errors.ts'
import { checkAccountId, checkProvider } from '../tokens/ids.ts'
import type { Disconnected } from '../tokens/keeper.ts'
import { builder } from './builder.ts'
import { authorizeChange, subjectOf } from './fields.ts'

const ProviderRevocation = builder.enumType('ProviderRevocation', {
  description: 'What became of the grant at the provider.',
  values: {
    REVOKED: { description: 'Nothing of it lives any more.' },
    PENDING: {
      description: 'The provider has not answered yet, and is asked again for a day; an event tells the end.',
    },
    UNSUPPORTED: {
      description: 'The provider takes no revocation, or no client is configured: it lives until it ends.',
    },
    SHARED: { description: 'Another account lives on the same grant, which stays; `everywhere` revokes it as well.' },
    FAILED: { description: 'It could not be revoked and lives on.' },
  } satisfies Record<Disconnected['state'], object>,
})

const RevocationEffect = builder.enumType('RevocationEffect', {
  description: 'What ends at the provider with the tokens of the account.',
  values: {
    TOKEN: { description: 'These tokens alone.' },
    GRANT: { description: 'Everything that the user allowed this client in one consent.' },
    ALL_GRANTS_OF_CLIENT: { description: 'Every consent that the user gave this client.' },
  },
})

const effects = {
  token: 'TOKEN',
  grant: 'GRANT',
  all_grants_of_client: 'ALL_GRANTS_OF_CLIENT',
} as const satisfies Record<Disconnected['effect'], string>

const DisconnectInput = builder.inputType('DisconnectAccountInput', {
  description: 'Which account is given up.',
  fields: (t) => ({
    provider: t.string({ required: true, description: 'The provider, as `oauth_google` or `google`.' }),
    external_account_id: t.id({ required: true, description: 'The account at the provider.' }),
    user_id: t.id({ description: 'Whose account it is: for services; a user disconnects their own.' }),
    everywhere: t.boolean({
      defaultValue: false,
      description: 'Also revokes a grant that other accounts here live on; they end with it.',
    }),
  }),
})

const DisconnectPayload = builder.objectRef<Disconnected>('DisconnectAccountPayload').implement({
  description: 'The account is forgotten; what became of its grant.',
  fields: (t) => ({
    provider_revocation: t.expose('state', {
      type: ProviderRevocation,
      nullable: false,
      description: 'What became of the grant at the provider.',
    }),
    effect: t.field({
      type: RevocationEffect,
      nullable: false,
      description: 'What ends there with the tokens of the account, once it is revoked.',
      resolve: ({ effect }) => effects[effect],
    }),
  }),
})

builder.mutationField('disconnect_account', (t) =>
  t.field({
    type: DisconnectPayload,
    nullable: false,
    description: 'Forgets the account here and revokes its grant at the provider.',
    directives: { authenticated: {}, cost: { weight: 10 } },
    args: { input: t.arg({ type: DisconnectInput, required: true, description: 'Which account.' }) },
    resolve: async (_, { input }, context) => {
      const subject = subjectOf(context, input.user_id)
      const provider = checkProvider(input.provider)
      const account = checkAccountId(input.external_account_id, 'external_account_id')
      await authorizeChange(context, { subject, provider, account }, 'disconnect_account')
      const { keeper, name } = context.keeperOf(provider)
      const key = { userId: subject, provider: name, externalAccountId: account }
      const disconnected = await context.load.within(keeper.disconnect(key, input.everywhere ?? false))
      if (disconnected === null) throw badUserInput('external_account_id is no account of this user at this provider.')
      return disconnected
    },
  }),
)
