/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
/** What is behind the status; the list may grow. */
export type OAuthConnectionReason =
  /** An argument is not valid. */
  | 'BAD_USER_INPUT'
  /** The provider has ended the grant of an account whose token still lives: ask for consent before it ends. */
  | 'EXPIRING'
  /** Unexpected error. */
  | 'INTERNAL_SERVER_ERROR'
  /** The server is at capacity. */
  | 'OVERLOADED'
  /** No upstream serves this provider. */
  | 'PROVIDER_NOT_CONFIGURED'
  /** The user has to go through consent again. */
  | 'REAUTHORIZATION_REQUIRED'
  /** The account holds a credential that is not an OAuth access token. */
  | 'UNSUPPORTED_CREDENTIAL'
  /** The platform answered in a form that its documentation does not describe. */
  | 'UPSTREAM_PROTOCOL_ERROR'
  /** The platform is limiting the rate of requests. */
  | 'UPSTREAM_RATE_LIMITED'
  /** The platform refused this server's own credential or request. */
  | 'UPSTREAM_REJECTED'
  /** The platform did not answer in time. */
  | 'UPSTREAM_TIMEOUT'
  /** The platform could not be reached or answered with a failure of its own. */
  | 'UPSTREAM_UNAVAILABLE'
  /** The platform does not know this user. */
  | 'USER_NOT_FOUND';

/** Where a user stands with a provider. */
export type OAuthConnectionStatus =
  /** At least one account has a token that can be used. */
  | 'CONNECTED'
  /** The operator has to act: the state cannot be read with the present configuration. */
  | 'MISCONFIGURED'
  /** The user has no account at the provider. */
  | 'NOT_CONNECTED'
  /** The platform is limiting requests; ask again after `retry_after_ms`. */
  | 'RATE_LIMITED'
  /** An account is known, but the user has to go through consent again. */
  | 'REAUTHORIZATION_REQUIRED'
  /** The platform did not answer usefully; the state is unknown. */
  | 'UNAVAILABLE';

export type AccountsQueryVariables = Exact<{ [key: string]: never; }>;


export type AccountsQuery = { me: { id: string, external_accounts: Array<{ id: string, external_account_id: string, provider: string, email_address: string | null, username: string | null }> | null, oauth_connections: Array<{ provider: string, status: OAuthConnectionStatus, reason: OAuthConnectionReason | null, retry_after_ms: number | null, oauth_access_tokens: Array<{ external_account_id: string, label: string | null, scopes: Array<string> | null, expires_at: number | null }> }> | null } | null };

export type TokenQueryVariables = Exact<{
  provider: string;
  account: string;
}>;


export type TokenQuery = { me: { id: string, oauth_access_tokens: Array<{ token: string }> | null } | null };


export const AccountsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Accounts"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"me"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"external_accounts"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"external_account_id"}},{"kind":"Field","name":{"kind":"Name","value":"provider"}},{"kind":"Field","name":{"kind":"Name","value":"email_address"}},{"kind":"Field","name":{"kind":"Name","value":"username"}}]}},{"kind":"Field","name":{"kind":"Name","value":"oauth_connections"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"provider"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"reason"}},{"kind":"Field","name":{"kind":"Name","value":"retry_after_ms"}},{"kind":"Field","name":{"kind":"Name","value":"oauth_access_tokens"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"external_account_id"}},{"kind":"Field","name":{"kind":"Name","value":"label"}},{"kind":"Field","name":{"kind":"Name","value":"scopes"}},{"kind":"Field","name":{"kind":"Name","value":"expires_at"}}]}}]}}]}}]}}]} as unknown as DocumentNode<AccountsQuery, AccountsQueryVariables>;
export const TokenDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Token"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"provider"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"account"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"me"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"oauth_access_tokens"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"provider"},"value":{"kind":"Variable","name":{"kind":"Name","value":"provider"}}},{"kind":"Argument","name":{"kind":"Name","value":"external_account_id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"account"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"token"}}]}}]}}]}}]} as unknown as DocumentNode<TokenQuery, TokenQueryVariables>;