/** `OAuthAccessToken`: the documented object, with a decision on every secret field. */
import type { Answer } from '../lib/answer.ts'
import { reveal } from '../lib/secret.ts'
import type { Secret } from '../lib/secret.ts'
import { authorize, authorizeSecret, requireAuthenticated, tokenArguments, toTokenRequest } from './fields.ts'
import type { TokenArguments } from './fields.ts'
import { checkId, wireProvider } from '../tokens/ids.ts'
import type { SecretField, SubjectToken, TokenRequest } from '../tokens/types.ts'
import { builder } from './builder.ts'
import type { GraphContext } from './graph-context.ts'

const OAuthAccessTokenObject = builder.enumType('OAuthAccessTokenObject', {
  description: 'The documented constant of the object.',
  values: { oauth_access_token: { description: 'An OAuth access token.' } } as const,
})

export const OAuthAccessTokenRef = builder.objectRef<SubjectToken>('OAuthAccessToken').implement({
  description:
    'The access token of one connected account: the documented object of the Clerk Backend API, whichever platform holds the token.',
  fields: (t) => ({
    object: t.field({
      type: OAuthAccessTokenObject,
      nullable: false,
      description: 'Always `oauth_access_token`.',
      resolve: () => 'oauth_access_token' as const,
    }),
    external_account_id: t.id({
      nullable: false,
      description: 'The id of the connected account at the platform.',
      resolve: ({ token }) => token.external_account_id,
    }),
    provider_user_id: t.string({
      nullable: false,
      description: 'The id of the user at the provider; empty where the platform does not disclose it.',
      resolve: ({ token }) => token.provider_user_id,
    }),
    token: t.string({
      nullable: false,
      description: 'The access token itself.',
      directives: { authenticated: {}, tag: { name: 'secret' } },
      resolve: (view, _, context) => disclose(context, view, 'token', view.token.token),
    }),
    expires_at: t.field({
      type: 'UnixTimestamp',
      description: 'When the token expires; null when that is unknown or never.',
      resolve: ({ token }) => token.expires_at,
    }),
    provider: t.string({
      nullable: false,
      description: 'The provider, as `oauth_google`.',
      resolve: ({ token }) => wireProvider(token.provider),
    }),
    public_metadata: t.field({
      type: 'JSON',
      nullable: false,
      description: 'Metadata of the connected account that is open to frontends.',
      resolve: ({ token }) => token.public_metadata,
    }),
    label: t.string({
      description: 'Tells several accounts of one provider apart.',
      resolve: ({ token }) => token.label,
    }),
    scopes: t.stringList({
      description: 'The scopes that were granted; null for OAuth 1.0 and where the platform does not say.',
      resolve: ({ token }) => token.scopes,
    }),
    token_secret: t.string({
      description: 'The secret that belongs to the token; OAuth 1.0 only.',
      directives: { authenticated: {}, tag: { name: 'secret' } },
      resolve: (view, _, context) => disclose(context, view, 'token_secret', view.token.token_secret),
    }),
    id_token: t.string({
      description: 'The OpenID Connect ID token, where the platform holds one.',
      directives: { authenticated: {}, tag: { name: 'secret' } },
      resolve: (view, _, context) => disclose(context, view, 'id_token', view.token.id_token),
    }),
  }),
})

/** The only way by which a user's secret leaves this server: decided here, on the field (docs/promises.md S1). */
function disclose(context: GraphContext, held: SubjectToken, field: SecretField, value: Secret): string
function disclose(context: GraphContext, held: SubjectToken, field: SecretField, value: Secret | null): string | null
function disclose(context: GraphContext, held: SubjectToken, field: SecretField, value: Secret | null) {
  authorizeSecret(context, held, field)
  return value === null ? null : reveal(value)
}

/** The tokens that the caller's arguments ask for; throws BAD_USER_INPUT that names the argument. */
export function readTokens(
  context: GraphContext,
  subject: string,
  args: TokenArguments,
): Answer<readonly SubjectToken[]> {
  return readRequest(context, toTokenRequest(subject, args))
}

/**
 * The tokens of one subject at one provider, without a promise where they are at hand; refused before any upstream is
 * asked.
 */
export function readRequest(context: GraphContext, request: TokenRequest): Answer<readonly SubjectToken[]> {
  authorize(context, request.userId, request.provider)
  return context.load.tokens(request)
}

builder.queryField('oauth_access_tokens', (t) =>
  t.field({
    type: [OAuthAccessTokenRef],
    nullable: { list: true, items: false },
    description: 'The documented REST endpoint as a root field: one for each account that the user connected.',
    directives: { authenticated: {}, cost: { weight: 10 }, listSize: { assumedSize: 2 } },
    args: {
      user_id: t.arg.id({ required: true, description: 'The user whose tokens are asked for.' }),
      ...tokenArguments,
    },
    resolve: (_, { user_id, ...args }, context) => {
      requireAuthenticated(context)
      return readTokens(context, checkId(user_id, 'user_id'), args)
    },
  }),
)
