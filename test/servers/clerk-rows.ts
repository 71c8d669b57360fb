/** Documented JSON of the Clerk Backend API with obviously invented values. */

export interface ClerkToken {
  object: 'oauth_access_token'
  external_account_id: string
  provider_user_id?: string
  token: string
  expires_at: number | null
  provider: string
  public_metadata: Record<string, unknown>
  label: string | null
  scopes?: string[]
  id_token?: string
  token_secret?: string
}

export interface ClerkAccount {
  object: string
  id: string
  provider?: string
  [field: string]: unknown
}

export interface ClerkUser {
  id: string
  object: 'user'
  /** Milliseconds. */
  created_at: number
  external_accounts: unknown
}

/** One token row; `n` tells the rows of a user apart. */
export function inventToken(user_id: string, provider: string, n: number, given: Partial<ClerkToken> = {}): ClerkToken {
  return {
    object: 'oauth_access_token',
    external_account_id: `eac_${user_id}_${provider}_${String(n)}`,
    provider_user_id: `invented-provider-user-${String(n)}`,
    token: `invented-token-${user_id}-${provider}-${String(n)}`,
    expires_at: 4_102_444_800,
    provider,
    public_metadata: {},
    label: null,
    scopes: ['openid', 'email'],
    ...given,
  }
}

/** One connected account as `GET /users` shows it. */
export function inventAccount(user_id: string, n: number, given: Partial<ClerkAccount> = {}): ClerkAccount {
  return {
    object: 'external_account',
    id: `eac_${user_id}_${String(n)}`,
    provider: 'oauth_github',
    identification_id: `idn_${user_id}_${String(n)}`,
    provider_user_id: `invented-provider-user-${String(n)}`,
    approved_scopes: 'read:user user:email',
    email_address: `${user_id}@example.invalid`,
    first_name: 'Invented',
    last_name: 'Person',
    image_url: 'https://images.example.invalid/1.png',
    username: `invented-${user_id}`,
    phone_number: '',
    public_metadata: {},
    label: null,
    created_at: 1_767_225_600_000,
    updated_at: 1_767_225_601_999,
    verification: { status: 'verified', strategy: 'oauth_github' },
    ...given,
  }
}
