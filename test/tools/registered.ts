/** Documents that tests register, with their ids and in the formats of the manifests. */
import { hash } from 'node:crypto'
import { print } from 'graphql'
import { graphql } from '../gql/index.ts'

export const tokensDocument = graphql(`
  query Tokens($user_id: ID!) {
    user(id: $user_id) {
      id
      oauth_access_tokens(provider: "google") {
        token
        expires_at
      }
    }
  }
`)

export const providersDocument = graphql(`
  query Providers {
    providers {
      id
      platform
    }
  }
`)

export const tokens = print(tokensDocument)
export const providers = print(providersDocument)

/** The 64 hexadecimal digits. */
export const sha256 = (text: string): string => hash('sha256', text)

/** As GraphQL Code Generator's client preset writes it. */
export function documentMap(...texts: readonly string[]): string {
  return JSON.stringify(Object.fromEntries(texts.map((text) => [`sha256:${sha256(text)}`, text])))
}

/** As `@apollo/generate-persisted-query-manifest` writes it. */
export function apolloManifest(...texts: readonly string[]): string {
  const operations = texts.map((body) => ({ id: sha256(body), name: 'Invented', type: 'query', body }))
  return JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations })
}

export const byDocumentId = (text: string) => ({ documentId: `sha256:${sha256(text)}` })

export const byApolloHash = (text: string) => ({
  extensions: { persistedQuery: { version: 1, sha256Hash: sha256(text) } },
})
