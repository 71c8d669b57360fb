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
      }
      oauth_connections {
        provider
        status
        reason
        retry_after_ms
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
