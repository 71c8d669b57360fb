/* eslint-disable */
import * as types from './graphql.ts';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  query Accounts {\n    me {\n      id\n      external_accounts {\n        id\n        external_account_id\n        provider\n        email_address\n        username\n        label\n      }\n      oauth_connections {\n        provider\n        status\n        reason\n        retry_after_ms\n        can_connect\n        oauth_access_tokens {\n          external_account_id\n          label\n          scopes\n          expires_at\n        }\n      }\n    }\n  }\n": typeof types.AccountsDocument,
    "\n  query Token($provider: String!, $account: ID!) {\n    me {\n      id\n      oauth_access_tokens(provider: $provider, external_account_id: $account) {\n        token\n      }\n    }\n  }\n": typeof types.TokenDocument,
    "\n  mutation Start($input: StartConnectionInput!) {\n    start_connection(input: $input) {\n      connection_request_id\n      authorization_url\n    }\n  }\n": typeof types.StartDocument,
    "\n  mutation Finish($input: FinishConnectionInput!) {\n    finish_connection(input: $input) {\n      status\n      missing_scopes\n      warnings\n      account {\n        id\n        label\n        username\n        email_address\n      }\n    }\n  }\n": typeof types.FinishDocument,
    "\n  mutation Disconnect($input: DisconnectAccountInput!) {\n    disconnect_account(input: $input) {\n      provider_revocation\n    }\n  }\n": typeof types.DisconnectDocument,
};
const documents: Documents = {
    "\n  query Accounts {\n    me {\n      id\n      external_accounts {\n        id\n        external_account_id\n        provider\n        email_address\n        username\n        label\n      }\n      oauth_connections {\n        provider\n        status\n        reason\n        retry_after_ms\n        can_connect\n        oauth_access_tokens {\n          external_account_id\n          label\n          scopes\n          expires_at\n        }\n      }\n    }\n  }\n": types.AccountsDocument,
    "\n  query Token($provider: String!, $account: ID!) {\n    me {\n      id\n      oauth_access_tokens(provider: $provider, external_account_id: $account) {\n        token\n      }\n    }\n  }\n": types.TokenDocument,
    "\n  mutation Start($input: StartConnectionInput!) {\n    start_connection(input: $input) {\n      connection_request_id\n      authorization_url\n    }\n  }\n": types.StartDocument,
    "\n  mutation Finish($input: FinishConnectionInput!) {\n    finish_connection(input: $input) {\n      status\n      missing_scopes\n      warnings\n      account {\n        id\n        label\n        username\n        email_address\n      }\n    }\n  }\n": types.FinishDocument,
    "\n  mutation Disconnect($input: DisconnectAccountInput!) {\n    disconnect_account(input: $input) {\n      provider_revocation\n    }\n  }\n": types.DisconnectDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Accounts {\n    me {\n      id\n      external_accounts {\n        id\n        external_account_id\n        provider\n        email_address\n        username\n        label\n      }\n      oauth_connections {\n        provider\n        status\n        reason\n        retry_after_ms\n        can_connect\n        oauth_access_tokens {\n          external_account_id\n          label\n          scopes\n          expires_at\n        }\n      }\n    }\n  }\n"): (typeof documents)["\n  query Accounts {\n    me {\n      id\n      external_accounts {\n        id\n        external_account_id\n        provider\n        email_address\n        username\n        label\n      }\n      oauth_connections {\n        provider\n        status\n        reason\n        retry_after_ms\n        can_connect\n        oauth_access_tokens {\n          external_account_id\n          label\n          scopes\n          expires_at\n        }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Token($provider: String!, $account: ID!) {\n    me {\n      id\n      oauth_access_tokens(provider: $provider, external_account_id: $account) {\n        token\n      }\n    }\n  }\n"): (typeof documents)["\n  query Token($provider: String!, $account: ID!) {\n    me {\n      id\n      oauth_access_tokens(provider: $provider, external_account_id: $account) {\n        token\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Start($input: StartConnectionInput!) {\n    start_connection(input: $input) {\n      connection_request_id\n      authorization_url\n    }\n  }\n"): (typeof documents)["\n  mutation Start($input: StartConnectionInput!) {\n    start_connection(input: $input) {\n      connection_request_id\n      authorization_url\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Finish($input: FinishConnectionInput!) {\n    finish_connection(input: $input) {\n      status\n      missing_scopes\n      warnings\n      account {\n        id\n        label\n        username\n        email_address\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation Finish($input: FinishConnectionInput!) {\n    finish_connection(input: $input) {\n      status\n      missing_scopes\n      warnings\n      account {\n        id\n        label\n        username\n        email_address\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Disconnect($input: DisconnectAccountInput!) {\n    disconnect_account(input: $input) {\n      provider_revocation\n    }\n  }\n"): (typeof documents)["\n  mutation Disconnect($input: DisconnectAccountInput!) {\n    disconnect_account(input: $input) {\n      provider_revocation\n    }\n  }\n"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;