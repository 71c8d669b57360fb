/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
/** What will be missed later. The list may grow. */
export type ConnectionWarning =
  /** The provider does not say whose account it is: another account cannot be told from it. */
  | 'IDENTITY_UNKNOWN'
  /** The provider gave no refresh token: consent is needed when the token ends. */
  | 'NO_REFRESH_TOKEN';

/** Which account is given up. */
export type DisconnectAccountInput = {
  /** Also revokes a grant that other accounts here live on; they end with it. */
  everywhere?: boolean | null | undefined;
  /** The account at the provider. */
  external_account_id: string;
  /** The provider, as `oauth_google` or `google`. */
  provider: string;
  /** Whose account it is: for services; a user disconnects their own. */
  user_id?: string | null | undefined;
};

/** What proves that the caller is who began. */
export type FinishConnectionInput = {
  /** Whether a connection that is made again may bring another account of the provider. */
  allow_different_account?: boolean | null | undefined;
  /** What `code_challenge` was made of. */
  code_verifier: string;
  /** As the browser brought it back to `return_to`. */
  completion_code: string;
  /** As `start_connection` gave it. */
  connection_request_id: string;
};

/** What came of a connection. The list may grow. */
export type FinishConnectionStatus =
  /** The account is kept, and its tokens can be read. */
  | 'CONNECTED'
  /** The user refused. */
  | 'DENIED'
  /** The user came back with another account of the provider than the one to be connected again. */
  | 'DIFFERENT_ACCOUNT'
  /** It took too long: begin again. */
  | 'EXPIRED'
  /** The account of the provider is connected to another user. */
  | 'OWNED_BY_ANOTHER_USER'
  /** The browser has not come back from the provider. */
  | 'PENDING'
  /** The provider refused, or a check did: begin again; `error_code` says what. */
  | 'REFUSED';

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

/** What became of the grant at the provider. */
export type ProviderRevocation =
  /** It could not be revoked and lives on. */
  | 'FAILED'
  /** The provider has not answered yet, and is asked again for a day; an event tells the end. */
  | 'PENDING'
  /** Nothing of it lives any more. */
  | 'REVOKED'
  /** Another account lives on the same grant, which stays; `everywhere` revokes it as well. */
  | 'SHARED'
  /** The provider takes no revocation, or no client is configured: it lives until it ends. */
  | 'UNSUPPORTED';

/** Whose account is connected, where, and how the browser comes back. */
export type StartConnectionInput = {
  /** The S256 challenge (RFC 7636) of a verifier that stays in the session of the application. */
  code_challenge: string;
  /** The account to connect again, or to get more scopes for; it keeps its id. */
  external_account_id?: string | null | undefined;
  /** The address or name that the provider may suggest. */
  login_hint?: string | null | undefined;
  /** The provider, as `oauth_google` or `google`. */
  provider: string;
  /** Where the browser comes back to: one of the configured addresses, to the letter. */
  return_to: string;
  /** Beside those of the configuration, and those that the account has. */
  scopes?: Array<string> | null | undefined;
  /** Whose account it becomes: for services; a user connects their own. */
  user_id?: string | null | undefined;
};

export type AccountsQueryVariables = Exact<{ [key: string]: never; }>;


export type AccountsQuery = { me: { id: string, external_accounts: Array<{ id: string, external_account_id: string, provider: string, email_address: string | null, username: string | null, label: string | null }> | null, oauth_connections: Array<{ provider: string, status: OAuthConnectionStatus, reason: OAuthConnectionReason | null, retry_after_ms: number | null, can_connect: boolean, oauth_access_tokens: Array<{ external_account_id: string, label: string | null, scopes: Array<string> | null, expires_at: number | null }> }> | null } | null };

export type TokenQueryVariables = Exact<{
  provider: string;
  account: string;
}>;


export type TokenQuery = { me: { id: string, oauth_access_tokens: Array<{ token: string }> | null } | null };

export type StartMutationVariables = Exact<{
  input: StartConnectionInput;
}>;


export type StartMutation = { start_connection: { connection_request_id: string, authorization_url: string } };

export type FinishMutationVariables = Exact<{
  input: FinishConnectionInput;
}>;


export type FinishMutation = { finish_connection: { status: FinishConnectionStatus, missing_scopes: Array<string>, warnings: Array<ConnectionWarning>, account: { id: string, label: string | null, username: string | null, email_address: string | null } | null } };

export type DisconnectMutationVariables = Exact<{
  input: DisconnectAccountInput;
}>;


export type DisconnectMutation = { disconnect_account: { provider_revocation: ProviderRevocation } };


export const AccountsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Accounts"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"me"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"external_accounts"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"external_account_id"}},{"kind":"Field","name":{"kind":"Name","value":"provider"}},{"kind":"Field","name":{"kind":"Name","value":"email_address"}},{"kind":"Field","name":{"kind":"Name","value":"username"}},{"kind":"Field","name":{"kind":"Name","value":"label"}}]}},{"kind":"Field","name":{"kind":"Name","value":"oauth_connections"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"provider"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"reason"}},{"kind":"Field","name":{"kind":"Name","value":"retry_after_ms"}},{"kind":"Field","name":{"kind":"Name","value":"can_connect"}},{"kind":"Field","name":{"kind":"Name","value":"oauth_access_tokens"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"external_account_id"}},{"kind":"Field","name":{"kind":"Name","value":"label"}},{"kind":"Field","name":{"kind":"Name","value":"scopes"}},{"kind":"Field","name":{"kind":"Name","value":"expires_at"}}]}}]}}]}}]}}]} as unknown as DocumentNode<AccountsQuery, AccountsQueryVariables>;
export const TokenDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Token"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"provider"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"account"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"me"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"oauth_access_tokens"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"provider"},"value":{"kind":"Variable","name":{"kind":"Name","value":"provider"}}},{"kind":"Argument","name":{"kind":"Name","value":"external_account_id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"account"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"token"}}]}}]}}]}}]} as unknown as DocumentNode<TokenQuery, TokenQueryVariables>;
export const StartDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Start"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"StartConnectionInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"start_connection"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"connection_request_id"}},{"kind":"Field","name":{"kind":"Name","value":"authorization_url"}}]}}]}}]} as unknown as DocumentNode<StartMutation, StartMutationVariables>;
export const FinishDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Finish"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"FinishConnectionInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"finish_connection"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"missing_scopes"}},{"kind":"Field","name":{"kind":"Name","value":"warnings"}},{"kind":"Field","name":{"kind":"Name","value":"account"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"label"}},{"kind":"Field","name":{"kind":"Name","value":"username"}},{"kind":"Field","name":{"kind":"Name","value":"email_address"}}]}}]}}]}}]} as unknown as DocumentNode<FinishMutation, FinishMutationVariables>;
export const DisconnectDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Disconnect"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"DisconnectAccountInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"disconnect_account"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"provider_revocation"}}]}}]}}]} as unknown as DocumentNode<DisconnectMutation, DisconnectMutationVariables>;