/** The operations of the page, typed from the schema by `npm run generate`. */
import { graphql } from './gql/index.ts'

/** Everything but the tokens themselves. */
export const AccountsDocument = graphql(`
  query Accounts {
    me {
      id
      external_accounts {
        id
        external_account_id
        provider
        email_address
        username
        label
      }
      oauth_connections {
        provider
        status
        reason
        retry_after_ms
        can_connect
        oauth_access_tokens {
          external_account_id
          label
          scopes
          expires_at
        }
      }
    }
  }
`)

/** One token, at the moment that the user asks for it. */
export const TokenDocument = graphql(`
  query Token($provider: String!, $account: ID!) {
    me {
      id
      oauth_access_tokens(provider: $provider, external_account_id: $account) {
        token
      }
    }
  }
`)

/** Begins connecting an account; the browser then goes to `authorization_url`. */
export const StartDocument = graphql(`
  mutation Start($input: StartConnectionInput!) {
    start_connection(input: $input) {
      connection_request_id
      authorization_url
    }
  }
`)

/** Ends it, with what the browser brought back and the verifier of this tab. */
export const FinishDocument = graphql(`
  mutation Finish($input: FinishConnectionInput!) {
    finish_connection(input: $input) {
      status
      missing_scopes
      warnings
      account {
        id
        label
        username
        email_address
      }
    }
  }
`)

export const DisconnectDocument = graphql(`
  mutation Disconnect($input: DisconnectAccountInput!) {
    disconnect_account(input: $input) {
      provider_revocation
    }
  }
`)
