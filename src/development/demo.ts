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

/** Connects an account at the demo provider, in two steps with the browser between them. */
function connectQuery(returnTo: string): string {
  return `# 1. Run Start, and open authorization_url in this browser: a provider that exists on this machine alone.
mutation Start {
  start_connection(
    input: {
      provider: "github"
      user_id: "${DEMO_USER}"
      return_to: "${returnTo}"
      # Of the verifier below. An application makes a new one each time, and keeps it.
      code_challenge: "${DEMO_CHALLENGE}"
    }
  ) {
    connection_request_id
    authorization_url
  }
}

# 2. The browser comes back here: put both values of its address into the variables, within a minute, and run Finish.
mutation Finish($id: ID!, $code: String!) {
  finish_connection(
    input: {
      connection_request_id: $id
      completion_code: $code
      code_verifier: "${DEMO_VERIFIER}"
    }
  ) {
    status
    account {
      external_account_id
      label
    }
    missing_scopes
  }
}
`
}

const DEMO_VERIFIER = 'a-verifier-that-everybody-knows-is-good-for-a-demo'
const DEMO_CHALLENGE = '4TCiV7RNzkevAWb9Ab6w0Jq4BdHZP88_96Z6LepYj5c'

/** What the page of development mode opens with; `returnTo` null: accounts are not connected here. */
export function demoTabs(returnTo: string | null) {
  const connect = returnTo === null ? [] : [{ query: connectQuery(returnTo), variables: '{ "id": "", "code": "" }' }]
  return [
    { query: demoQuery },
    { query: batchQuery, variables: JSON.stringify({ ids: [DEMO_USER, 'user_unknown'] }, null, 2) },
    ...connect,
  ]
}
