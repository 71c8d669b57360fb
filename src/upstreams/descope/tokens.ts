/** The token of a user at an app, asked for only where the apps of the user do not answer already. */
import { CodedError } from '../../errors.ts'
import { checkId } from '../../tokens/ids.ts'
import type { OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import type { One } from '../platform.ts'
import type { Apps } from './apps.ts'
import type { DescopeScope } from './errors.ts'
import type { LatestToken } from './latest-token.ts'
import type { OutboundToken } from './shapes.ts'

/** The fetcher for tokens. */
export function tokensFetcher(
  { upstream }: DescopeScope,
  apps: Apps,
  latest: LatestToken,
): One<TokenKey, readonly OAuthAccessToken[]> {
  return {
    kind: 'one',
    async one({ user_id, provider }, call) {
      const app_id = bareProvider(provider)
      checkId(user_id, 'user_id')
      const connected = await apps.listIfWorthwhile(user_id, call)
      if (connected?.includes(app_id) === false) {
        if (await apps.exists(app_id, call)) return []
        throw new CodedError('PROVIDER_NOT_CONFIGURED', undefined, { upstream })
      }
      const token = await latest({ app_id, user_id }, call)
      return token === null ? [] : toToken(token, app_id)
    },
  }
}

function toToken(token: OutboundToken, app_id: string): OAuthAccessToken[] {
  const { id, subject, access_token, expires_at, scopes, label } = token
  if (access_token === null) return []
  return [
    {
      external_account_id: id,
      provider_user_id: subject,
      token: access_token,
      expires_at,
      provider: app_id,
      public_metadata: {},
      label,
      scopes,
      token_secret: null,
      id_token: null,
    },
  ]
}
