/** `ExternalAccount`: a connected account without its secrets. */
import { mergeAccounts } from '../tokens/accounts.ts'
import type { ListedAccount } from '../tokens/accounts.ts'
import { wireProvider } from '../tokens/ids.ts'
import { builder } from './builder.ts'
import type { GraphContext } from './graph-context.ts'
import { authorizeAccounts } from './fields.ts'

export const ExternalAccountRef = builder.objectRef<ListedAccount>('ExternalAccount').implement({
  description: 'An account that a user connected at a provider, without its secrets.',
  fields: (t) => ({
    id: t.exposeID('graphId', {
      nullable: false,
      description: 'The id of the account in this graph, unique across users, providers and upstreams; opaque.',
    }),
    external_account_id: t.exposeID('id', {
      nullable: false,
      description: 'The id of the account at the platform: `external_account_id` of its tokens.',
    }),
    provider: t.string({
      nullable: false,
      description: 'The provider, as `oauth_google`.',
      resolve: ({ provider }) => wireProvider(provider),
    }),
    provider_user_id: t.exposeString('provider_user_id', {
      nullable: false,
      description: 'The id of the user at the provider; empty where the platform does not disclose it.',
    }),
    email_address: t.exposeString('email_address', { description: 'The e-mail address at the provider.' }),
    username: t.exposeString('username', { description: 'The user name at the provider.' }),
    first_name: t.exposeString('first_name', { description: 'The given name at the provider.' }),
    last_name: t.exposeString('last_name', { description: 'The family name at the provider.' }),
    image_url: t.exposeString('image_url', { description: 'The address of the profile picture.' }),
    label: t.exposeString('label', { description: 'Tells several accounts of one provider apart.' }),
    approved_scopes: t.stringList({
      description: 'The scopes that the user approved; null where the platform does not say.',
      resolve: (account) => account.approved_scopes,
    }),
    public_metadata: t.field({
      type: 'JSON',
      nullable: false,
      description: 'Metadata of the connected account that is open to frontends.',
      resolve: (account) => account.public_metadata,
    }),
    created_at: t.expose('created_at', { type: 'UnixTimestamp', description: 'When the account was connected.' }),
    updated_at: t.expose('updated_at', { type: 'UnixTimestamp', description: 'When the account last changed.' }),
  }),
})

/** The accounts of one subject that the viewer may know of; refused before any upstream is asked. */
export async function readAccounts(context: GraphContext, subject: string): Promise<readonly ListedAccount[]> {
  const readable = authorizeAccounts(context, subject)
  const accounts = mergeAccounts(await context.load.accounts(subject))
  return readable === 'all' ? accounts : accounts.filter((account) => readable.has(account.provider))
}
