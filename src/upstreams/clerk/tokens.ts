/** Every account of a user at a provider, with its token. */
import { bareProvider, paginate, secret, token, wireProvider } from '../kit.ts'
import type { OAuthAccessToken, One, TokenKey } from '../kit.ts'
import type { ClerkApi, TokenRow } from './api.ts'

/** 10,000 accounts of one user: a pager with more never ends. */
const MAX_PAGES = 20

export function tokensFetcher(api: ClerkApi): One<TokenKey, readonly OAuthAccessToken[]> {
  return {
    kind: 'one',
    async one({ userId, provider }, call) {
      const rows = await paginate(
        0,
        async (offset) => {
          const page = await api.tokens(userId, wireProvider(provider), offset, call)
          const end = offset + page.rows.length
          return { rows: page.rows, next: page.isLast(end) ? null : end }
        },
        // An account that is connected between two pages moves the others by one, so that one of them comes twice.
        { maxPages: MAX_PAGES, idOf: (row: TokenRow) => row.external_account_id },
      )
      return rows.map(toToken)
    },
  }
}

function toToken(row: TokenRow): OAuthAccessToken {
  return token({
    external_account_id: row.external_account_id,
    provider_user_id: row.provider_user_id ?? '',
    token: secret(row.token),
    expires_at: row.expires_at,
    provider: bareProvider(row.provider),
    public_metadata: row.public_metadata,
    label: row.label,
    scopes: row.scopes ?? null,
    token_secret: row.token_secret ? secret(row.token_secret) : null,
    id_token: row.id_token ? secret(row.id_token) : null,
  })
}
