/**
 * What the matrix knows of the schema. A new field fails the matrix until it stands here: a leaf has to be called a
 * secret or open, and a field that leads to a secret needs the arguments with which it is asked.
 */

/** The leaves that only a decision on the field itself discloses. */
export const secretLeaves = ['OAuthAccessToken.id_token', 'OAuthAccessToken.token', 'OAuthAccessToken.token_secret']

/** The leaves that hold no secret of a user. */
export const openLeaves = [
  ...[
    'approved_scopes',
    'created_at',
    'email_address',
    'external_account_id',
    'first_name',
    'id',
    'image_url',
    'label',
    'last_name',
    'provider',
    'provider_user_id',
    'public_metadata',
    'updated_at',
    'username',
  ].map((field) => `ExternalAccount.${field}`),
  ...[
    'expires_at',
    'external_account_id',
    'label',
    'object',
    'provider',
    'provider_user_id',
    'public_metadata',
    'scopes',
  ].map((field) => `OAuthAccessToken.${field}`),
  ...[
    'can_connect',
    'last_failure',
    'last_failure_at',
    'missing_scopes',
    'provider',
    'reason',
    'retry_after_ms',
    'since',
    'status',
  ].map((field) => `OAuthConnection.${field}`),
  ...['id', 'platform', 'upstream'].map((field) => `OAuthProvider.${field}`),
  ...['error_code', 'expires_at', 'id', 'provider', 'status'].map((field) => `ConnectionRequest.${field}`),
  ...['authorization_url', 'connection_request_id', 'expires_at'].map((field) => `StartConnectionPayload.${field}`),
  ...['error_code', 'missing_scopes', 'status', 'warnings'].map((field) => `FinishConnectionPayload.${field}`),
  ...['effect', 'provider_revocation'].map((field) => `DisconnectAccountPayload.${field}`),
  ...['created_at', 'external_account_id', 'generation', 'id', 'provider', 'reason', 'type', 'user_id'].map(
    (field) => `ConnectionEvent.${field}`,
  ),
  ...['cursor', 'has_more'].map((field) => `ConnectionEventPage.${field}`),
  'User.id',
  '_Service.sdl',
]

/** Each field on a way to a secret, with every kind of arguments that it takes. */
export const argumentsOf: Readonly<Record<string, readonly string[]>> = {
  'Query.me': [''],
  'Query.user': ['(id: $subject)'],
  'Query.users': ['(ids: [$subject])'],
  'Query._entities': ['(representations: $representations)'],
  'Query.oauth_access_tokens': [
    '(user_id: $subject, provider: $provider)',
    '(user_id: $subject, provider: $provider, external_account_id: $account)',
  ],
  'User.oauth_access_tokens': ['(provider: $provider)', '(provider: $provider, min_validity_seconds: 0)'],
  'User.oauth_connection': ['(provider: $provider)'],
  'User.oauth_connections': ['(providers: [$provider])', ''],
  'OAuthConnection.oauth_access_tokens': [''],
}
