/** `OAuthConnection`: where a user stands with a provider, as data. */
import { providerId } from './fields.ts'
import { builder } from './builder.ts'
import type { GraphContext } from './graph-context.ts'
import { CodedError, errorCodes } from '../errors.ts'
import { reasons, statuses } from './connection.ts'
import type { Connection } from './connection.ts'
import { OAuthAccessTokenRef } from './oauth-access-token.ts'

const OAuthConnectionStatus = builder.enumType('OAuthConnectionStatus', {
  description: 'Where a user stands with a provider.',
  values: statuses,
})

const ErrorCodeRef = builder.enumType('OAuthConnectionReason', {
  description: 'What is behind the status; the list may grow.',
  values: {
    ...(Object.fromEntries(reasons.map((code) => [code, { description: errorCodes[code].message }])) as Record<
      (typeof reasons)[number],
      { description: string }
    >),
    EXPIRING: {
      description:
        'The provider has ended the grant of an account whose token still lives: ask for consent before it ends.',
    },
  },
})

export const OAuthConnectionRef = builder.objectRef<Connection>('OAuthConnection').implement({
  description: 'Where a user stands with a provider. An expected failure is a status here, never an error.',
  fields: (t) => ({
    provider: t.string({
      nullable: false,
      resolve: ({ provider }) => providerId(provider),
      description:
        'The provider, as `oauth_google`; `*` stands for every provider that is not listed, when the platform that answers for them could not say which the user connected.',
    }),
    status: t.expose('status', {
      type: OAuthConnectionStatus,
      nullable: false,
      description: 'Where the user stands with the provider.',
    }),
    oauth_access_tokens: t.expose('oauth_access_tokens', {
      type: [OAuthAccessTokenRef],
      nullable: { list: false, items: false },
      description: 'One for each account with a token that can be used; empty unless the status is `CONNECTED`.',
    }),
    missing_scopes: t.exposeStringList('missing_scopes', {
      nullable: false,
      description: 'Those of `required_scopes` that the best of the accounts lacks.',
    }),
    reason: t.expose('reason', {
      type: ErrorCodeRef,
      description:
        'The error code behind a status other than `CONNECTED`, or `EXPIRING`; null when no account is connected.',
    }),
    since: t.field({
      type: 'UnixTimestamp',
      description: 'Since when the account is in this state, where the platform keeps that.',
      resolve: ({ since }) => since,
    }),
    can_connect: t.boolean({
      nullable: false,
      description: 'Whether `start_connection` can begin one here.',
      resolve: ({ provider }, _, context) => canConnect(context, provider),
    }),
    last_failure: t.exposeString('last_failure', {
      description:
        'The kind of the last refresh that failed, such as `grant_dead`, `client_bad`, `rate` or `unreachable`; it may have succeeded since.',
    }),
    last_failure_at: t.field({
      type: 'UnixTimestamp',
      description: 'When that was.',
      resolve: ({ last_failure_at: at }) => at,
    }),
    retry_after_ms: t.exposeInt('retry_after_ms', {
      description: 'Milliseconds after which asking again makes sense, where the platform says so.',
    }),
  }),
})

function canConnect({ keeperOf }: GraphContext, provider: string): boolean {
  try {
    const { keeper, name } = keeperOf(provider)
    return keeper.connector?.canConnect(name) ?? false
  } catch (error) {
    if (error instanceof CodedError) return false
    throw error
  }
}
