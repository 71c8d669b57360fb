/**
 * The demo accounts in the vault of development mode, and the query that reads them. Every value is invented. The expiry
 * dates are fixed, so that the README can show the answer.
 */
import { accountRecord } from '../upstreams/vault/store/record.ts'
import { FIRST_REFRESH_TOKEN } from './demo-provider.ts'
import type { AccountRecord } from '../upstreams/vault/store/record.ts'

export const DEMO_USER = 'user_demo'

const EXPIRES_2100 = 4_102_444_800
const EXPIRED_2024 = 1_704_067_200

export const demoAccounts: readonly AccountRecord[] = [
  {
    provider: 'oauth_google',
    external_account_id: 'eac_demo_google_work',
    provider_user_id: '100000000000000000001',
    token: 'demo-google-work-token',
    id_token: 'demo-google-work-id-token',
    expires_at: EXPIRES_2100,
    label: 'work',
    scopes: ['openid', 'email', 'https://www.googleapis.com/auth/calendar.readonly'],
    public_metadata: { plan: 'team' },
    email_address: 'demo@work.example',
    first_name: 'Demo',
    last_name: 'User',
  },
  {
    provider: 'oauth_google',
    external_account_id: 'eac_demo_google_home',
    provider_user_id: '100000000000000000002',
    token: 'demo-google-home-token',
    expires_at: EXPIRES_2100,
    label: 'home',
    scopes: ['openid', 'email'],
    email_address: 'demo@home.example',
    first_name: 'Demo',
    last_name: 'User',
  },
  {
    provider: 'oauth_x',
    external_account_id: 'eac_demo_x',
    provider_user_id: '4200',
    token: 'demo-x-token',
    token_secret: 'demo-x-token-secret',
    username: 'demo',
  },
  {
    provider: 'oauth_github',
    external_account_id: 'eac_demo_github',
    provider_user_id: '7',
    token: 'demo-github-token-0',
    refresh_token: FIRST_REFRESH_TOKEN,
    expires_at: EXPIRED_2024,
    scopes: ['repo', 'read:user'],
    username: 'demo',
  },
  {
    provider: 'oauth_slack',
    external_account_id: 'eac_demo_slack',
    provider_user_id: 'U0DEMO',
    token: 'demo-slack-expired-token',
    expires_at: EXPIRED_2024,
    scopes: ['chat:write', 'users:read'],
    username: 'demo',
  },
].map((account) => accountRecord.parse({ user_id: DEMO_USER, ...account }))

/** Reads several users in one request. */
const batchQuery = `query Batch($ids: [ID!]!) {
  users(ids: $ids) {
    id
    oauth_connections {
      provider
      status
      reason
    }
  }
}
`

/**
 * Reads two accounts at one provider, an OAuth 1.0 token with its secret, an account that is refreshed when it is read, and
 * an expired token that nothing can refresh.
 */
export const demoQuery = `query Read {
  user(id: "${DEMO_USER}") {
    google: oauth_access_tokens(provider: "google") {
      label
      token
      scopes
      expires_at
    }
    x: oauth_access_tokens(provider: "x") {
      token
      token_secret
    }
    github: oauth_connection(provider: "github") {
      status
      reason
    }
    slack: oauth_connection(provider: "slack") {
      status
      reason
    }
  }
}
`

/** What the page of development mode opens with. */
export const demoTabs = [
  { query: demoQuery },
  { query: batchQuery, variables: JSON.stringify({ ids: [DEMO_USER, 'user_unknown'] }, null, 2) },
]
