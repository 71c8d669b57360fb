/** Clients that send ids: what they send by themselves is executed, and a fallback to the text is not. */
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { makeFetchBody } from '@urql/core/internal'
import { Kind, print } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CANARY } from '../security/support.ts'
import { apolloManifest, providersDocument, sha256, tokens, tokensDocument } from './registered.ts'
import { startTrusted } from './trusted-server.ts'
import type { TrustedServer } from './trusted-server.ts'

let server: TrustedServer
let uri: string
let headers: { authorization: string }
beforeAll(async () => {
  // Apollo Client adds __typename; its manifest holds what it sends.
  const sent = print(new InMemoryCache().transformDocument(tokensDocument))
  server = await startTrusted(apolloManifest(tokens, sent))
  uri = `${server.door.server.url}/graphql`
  headers = { authorization: `Bearer ${server.door.plainKey}` }
})
afterAll(() => server[Symbol.asyncDispose]())

const variables = { user_id: 'user_1' }

function createApollo(): ApolloClient {
  const link = new PersistedQueryLink({ generateHash: (document) => sha256(print(document)) })
  return new ApolloClient({
    link: ApolloLink.from([link, new HttpLink({ uri, headers })]),
    cache: new InMemoryCache(),
  })
}

test('Apollo Client', async () => {
  const { data } = await createApollo().query({ query: tokensDocument, variables })
  expect(data?.user?.oauth_access_tokens?.[0]?.token).toBe(CANARY)
})

test('Apollo Client does not fall back to the text of what is not registered', async () => {
  await expect(createApollo().query({ query: providersDocument })).rejects.toThrow(
    'No document is registered with this id.',
  )
})

test('the body that urql makes of a document with an id', async () => {
  const query = { kind: Kind.DOCUMENT, definitions: [], documentId: `sha256:${sha256(tokens)}`, __key: 1 } as const
  const { answer } = await server.post(makeFetchBody({ query, variables }))
  expect(answer).toMatchObject({ data: { user: { oauth_access_tokens: [{ token: CANARY }] } } })
})
