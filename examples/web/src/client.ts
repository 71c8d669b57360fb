import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client'

/** The page's own backend adds the user's credential; the browser adds the session cookie by itself. */
export function createClient(): ApolloClient {
  return new ApolloClient({ link: new HttpLink({ uri: '/graphql' }), cache: new InMemoryCache() })
}
