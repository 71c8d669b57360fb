/**
 * Descope outbound apps: the newest token of a user at an app (docs/platforms/descope.md). The tokens of social logins
 * are another store of Descope and not read.
 */
import { z } from 'zod'
import {
  account,
  CodedError,
  httpOptionFields,
  httpTuning,
  isUnreadable,
  listIfWorthwhile,
  nullIfUnknown,
  openHttp,
  reveal,
  secret,
  upstreamUrl,
  settleAccounts,
  token,
} from '../kit.ts'
import type {
  Call,
  ExternalAccount,
  Grouped,
  OAuthAccessToken,
  One,
  Platform,
  TokenKey,
  UnreadableRow,
} from '../kit.ts'
import { openApi } from './api.ts'
import type { DescopeApi } from './api.ts'

const options = z.strictObject({
  project_id: z
    .string()
    .regex(/^[A-Za-z0-9]{5,64}$/, 'expected a Descope project id such as P2…')
    .describe('The id of the Descope project, `P…`.'),
  management_key: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'expected a Descope management key')
    .transform(secret)
    .describe('A management key of the project.'),
  base_url: upstreamUrl.optional().meta({
    description: 'Where the Descope API answers.',
    fallback: '`https://api.descope.com`, or that of the region that the project id names',
  }),
  tenant_id: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{1,255}$/, 'expected a tenant id')
    .optional()
    .meta({
      description: 'Reads the tokens that users connected for this tenant.',
      fallback: 'the tokens without a tenant',
    }),
  ...httpOptionFields,
})

type DescopeOptions = z.output<typeof options>

/** `tokens` answers with an empty list for an app that is not connected. */
export const descope: Platform<DescopeOptions> = {
  options,
  docs: {
    title: 'Descope outbound apps',
    holds: 'OAuth 2.0 tokens of the connected apps, the newest of each; not the tokens of social logins',
    batch: 'One call for each user and app; one metadata call first where three or more are asked for',
    refresh: 'By Descope, when an expired token is asked for',
    provider_user_id: 'Where Descope has it, else `""`',
    external_accounts: 'Yes: one call for the apps of a user, and one for each of them',
    unverified: [
      'The codes for an app that is not connected, for an unknown app and for a failed refresh: the list of apps decides',
      'Whether the subject at the provider (`tokenSub`) is always there',
      'Which rate limit holds for outbound apps: none is kept to unless `rate` says so',
    ],
  },
  open({ project_id: projectId, management_key: key, tenant_id, ...options }, deps) {
    const http = openHttp({
      ...httpTuning(options),
      baseUrl: options.base_url ?? baseUrlOf(projectId),
      headers: () => ({ authorization: `Bearer ${projectId}:${reveal(key)}`, 'x-descope-project-id': projectId }),
      ...deps,
    })
    const api = openApi(http, tenant_id ?? null)
    return {
      autoRefreshes: true,
      tokens: tokensFetcher(api),
      accounts: accountsFetcher(api),
      rate: http.rate,
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

/** Long project ids name their region in the characters after the first (go-sdk, `baseURLForProjectID`). */
export function baseUrlOf(projectId: string): string {
  return projectId.length >= 32 ? `https://api.${projectId.slice(1, 5)}.descope.com` : 'https://api.descope.com'
}

function tokensFetcher(api: DescopeApi): Grouped<TokenKey, readonly OAuthAccessToken[]> {
  return {
    kind: 'grouped',
    by: ({ userId }) => userId,
    async one({ userId, provider: appId }, call, siblings) {
      const connected = await listIfWorthwhile(siblings, () => api.apps(userId, call))
      // An app that cannot be read may be this one.
      if (connected?.some((each) => each === appId || isUnreadable(each)) === false) {
        if (await api.hasApp(appId, call)) return []
        throw new CodedError('PROVIDER_NOT_CONFIGURED')
      }
      const found = await api.latestToken({ userId, appId }, call)
      if (found === null) return []
      return [
        token({
          external_account_id: found.id,
          provider_user_id: found.tokenSub ?? '',
          token: found.accessToken,
          expires_at: found.accessTokenExpiry,
          provider: appId,
          label: found.externalIdentifier,
          scopes: found.scopes,
        }),
      ]
    },
  }
}

/**
 * The list of apps has no ids, subjects and scopes: they come with the newest token of each, in a call that is shared
 * with a read of the token itself. null: Descope does not know the user.
 */
function accountsFetcher(api: DescopeApi): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    one: (userId, call) =>
      nullIfUnknown(
        api.apps(userId, call).then(async (appIds) => {
          const accounts = await settleAccounts(appIds.map((appId) => readAccount(api, userId, appId, call)))
          return accounts.flat()
        }),
      ),
  }
}

async function readAccount(
  api: DescopeApi,
  userId: string,
  appId: string | UnreadableRow,
  call: Call,
): Promise<ExternalAccount[]> {
  if (isUnreadable(appId)) throw appId.unreadable
  try {
    const found = await api.latestToken({ userId, appId }, call)
    if (found === null) return []
    return [
      account({
        id: found.id,
        provider: appId,
        provider_user_id: found.tokenSub ?? '',
        label: found.externalIdentifier,
        approved_scopes: found.scopes,
      }),
    ]
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    if (error.code === 'UNSUPPORTED_CREDENTIAL') return []
    if (error.code !== 'REAUTHORIZATION_REQUIRED') throw error
    return [account({ id: `${appId}:${userId}`, provider: appId, needs_reauthorization: true })]
  }
}
