/**
 * Normalising caches over accounts that share their id: what docs/tools.md says of them, and its recipes as they are
 * shown there. Every client reads two users whose accounts have one `external_account_id` at all providers.
 */
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import type { InMemoryCacheConfig } from '@apollo/client'
import { Client, fetchExchange } from '@urql/core'
import { parse } from 'graphql'
import { cacheExchange } from '@urql/exchange-graphcache'
import type { CacheExchangeOpts } from '@urql/exchange-graphcache'
import { createOperationDescriptor, Environment, Network, RecordSource, Store } from 'relay-runtime'
import type { ConcreteRequest, GraphQLResponse, NormalizationLinkedField } from 'relay-runtime'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { account, startGraphOverVault } from '../graph/vault.ts'
import { loadRecipe } from './recipe.ts'

const SHARED = '77'
const accounts = [
  [SHARED, 'google'],
  [SHARED, 'github'],
  ['78', 'google'],
].map(([user = '', provider = '']) =>
  account(user, provider, { external_account_id: SHARED, email_address: `${user}@${provider}.example` }),
)

let graph: Awaited<ReturnType<typeof startGraphOverVault>>
let url: string
let headers: { authorization: string }
beforeAll(async () => {
  graph = await startGraphOverVault(accounts)
  url = `${graph.server.url}/graphql`
  headers = { authorization: `Bearer ${graph.server.key}` }
})
afterAll(async () => {
  vi.restoreAllMocks()
  await graph[Symbol.asyncDispose]()
})

const spies = (['warn', 'error'] as const).map((method) => vi.spyOn(console, method).mockReturnValue(undefined))

/** What clients printed since the last call. */
function warned(): string[] {
  const calls = spies.flatMap(({ mock }) => mock.calls.map((args) => args.map(String).join(' ')))
  for (const spy of spies) spy.mockClear()
  return calls
}

interface Recipe<C> {
  createClient(url: string, headers: Record<string, string>): C
}

const accountsText = `query Accounts($id: ID!) {
  user(id: $id) { id external_accounts { id external_account_id provider email_address } }
}`

interface Data {
  readonly user: { readonly external_accounts: readonly { readonly email_address: string }[] }
}

const emailsOf = (data: unknown): string[] =>
  (data as Data).user.external_accounts.map(({ email_address }) => email_address).toSorted()

/** Reads both users through one cache, then both again out of the cache. */
type ReadThrough = (cached: boolean, id: string) => Promise<unknown>

async function emailsThrough(read: ReadThrough): Promise<Record<string, string[]>> {
  for (const id of [SHARED, '78']) await read(false, id)
  return { [SHARED]: emailsOf(await read(true, SHARED)), 78: emailsOf(await read(true, '78')) }
}

const right = { [SHARED]: ['77@github.example', '77@google.example'], 78: ['78@google.example'] }

function throughApollo(client: ApolloClient): ReadThrough {
  return async (cached, id) => {
    const fetchPolicy = cached ? 'cache-only' : 'network-only'
    return (await client.query({ query: gql(accountsText), variables: { id }, fetchPolicy })).data
  }
}

function apolloWith(config: InMemoryCacheConfig): ApolloClient {
  return new ApolloClient({ link: new HttpLink({ uri: url, headers }), cache: new InMemoryCache(config) })
}

function throughUrql(client: Client): ReadThrough {
  return async (cached, id) => {
    const requestPolicy = cached ? 'cache-only' : 'network-only'
    const { data, error } = await client.query<unknown>(accountsText, { id }, { requestPolicy }).toPromise()
    if (error) throw error
    return data
  }
}

function urqlWith(options: Partial<CacheExchangeOpts>): Client {
  const exchanges = [cacheExchange(options), fetchExchange]
  return new Client({ url, preferGetMethod: false, fetchOptions: { headers }, exchanges })
}

/** What relay-compiler makes of `accountsText`, as far as the runtime reads it. */
function relayRequest(): ConcreteRequest {
  const scalar = (name: string) => ({ alias: null, args: null, kind: 'ScalarField', name, storageKey: null }) as const
  const linked = (name: string, concreteType: string, plural: boolean, more: object): NormalizationLinkedField =>
    ({ alias: null, args: null, concreteType, kind: 'LinkedField', name, plural, storageKey: null, ...more }) as never
  const selections = [
    linked('user', 'User', false, {
      args: [{ kind: 'Variable', name: 'id', variableName: 'id' }],
      selections: [
        scalar('id'),
        linked('external_accounts', 'ExternalAccount', true, {
          selections: ['id', 'external_account_id', 'provider', 'email_address'].map(scalar),
        }),
      ],
    }),
  ]
  const argumentDefinitions = [{ defaultValue: null, kind: 'LocalArgument', name: 'id' }]
  const name = 'Accounts'
  return {
    kind: 'Request',
    fragment: { argumentDefinitions, kind: 'Fragment', metadata: null, name, selections, type: 'Query' },
    operation: { argumentDefinitions, kind: 'Operation', name, selections },
    params: { cacheID: name, id: null, metadata: {}, name, operationKind: 'query', text: accountsText },
  } as unknown as ConcreteRequest
}

function throughRelay(): ReadThrough {
  const environment = new Environment({
    network: Network.create(async (parameters, variables) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ query: parameters.text, variables }),
      })
      return (await response.json()) as GraphQLResponse
    }),
    store: new Store(new RecordSource()),
  })
  const request = relayRequest()
  return async (cached, id) => {
    const operation = createOperationDescriptor(request, { id })
    environment.retain(operation)
    if (!cached) await environment.execute({ operation }).toPromise()
    return environment.lookup(operation.fragment).data
  }
}

const apollo = await loadRecipe<Recipe<ApolloClient>>('Apollo Client')
const urql = await loadRecipe<Recipe<Client>>('urql')

describe('a cache shows each user their own accounts', () => {
  test.each([
    ['Apollo Client, as it is', () => throughApollo(apolloWith({}))],
    ['Apollo Client, by the recipe', () => throughApollo(apollo.createClient(url, headers))],
    ['urql Graphcache, as it is', () => throughUrql(urqlWith({}))],
    ['urql Graphcache, by the recipe', () => throughUrql(urql.createClient(url, headers))],
    ['Relay', throughRelay],
  ] as const)('%s', async (_, open) => {
    expect(await emailsThrough(open())).toEqual(right)
    expect(warned()).toEqual([])
  })

  test.each([
    [
      'Apollo Client',
      () => throughApollo(apolloWith({ typePolicies: { ExternalAccount: { keyFields: ['external_account_id'] } } })),
    ],
    [
      'urql Graphcache',
      () => throughUrql(urqlWith({ keys: { ExternalAccount: ({ external_account_id: id }) => id as string } })),
    ],
  ] as const)('%s does not when it keys by external_account_id', async (_, open) => {
    expect(await emailsThrough(open())).not.toEqual(right)
  })
})

describe('values without an id', () => {
  const fieldOf = (field: string) =>
    parse(`query ($id: ID!) {
    user(id: $id) { id oauth_connection(provider: "google") { ${field} } }
  }`)
  const tokens = `query ($id: ID!) { user(id: $id) { id oauth_access_tokens(provider: "google") { token } } }`
  const variables = { id: SHARED }

  /** Two components that select different fields of one connection; what the first finds in the cache afterwards. */
  async function readTwice(client: ApolloClient): Promise<unknown> {
    for (const field of ['status', 'reason']) await client.query({ query: fieldOf(field), variables })
    return (await client.query({ query: fieldOf('status'), variables, fetchPolicy: 'cache-only' })).data
  }

  test('Apollo Client loses fields of a connection and warns; by the recipe it keeps them', async () => {
    expect(await readTwice(apolloWith({}))).not.toMatchObject({ user: { oauth_connection: { status: 'CONNECTED' } } })
    expect(warned()).toContainEqual(expect.stringMatching(/Cache data may be lost|go\.apollo\.dev/))
    expect(await readTwice(apollo.createClient(url, headers))).toMatchObject({
      user: { oauth_connection: { status: 'CONNECTED' } },
    })
    expect(warned()).toEqual([])
  })

  test('urql Graphcache warns of tokens; by the recipe it does not', async () => {
    // Graphcache warns once of each type: the recipe comes first.
    await urql.createClient(url, headers).query(tokens, variables).toPromise()
    expect(warned()).toEqual([])
    await urqlWith({}).query(tokens, variables).toPromise()
    expect(warned()).toContainEqual(expect.stringMatching(/Invalid key[^]*OAuthAccessToken/))
  })

  test("one user's tokens are shown to the other where they are keyed by external_account_id", async () => {
    const read = async (client: ApolloClient): Promise<unknown[]> => {
      for (const id of [SHARED, '78']) await client.query({ query: gql(withAccount), variables: { id } })
      return Promise.all(
        [SHARED, '78'].map(async (id) => {
          const fetchPolicy = 'cache-only'
          return JSON.stringify((await client.query({ query: gql(withAccount), variables: { id }, fetchPolicy })).data)
        }),
      )
    }
    const withAccount = tokens.replace('{ token }', '{ provider external_account_id token }')
    const own = [SHARED, '78'].map((id) => expect.stringContaining(`invented-token-${id}-google`) as unknown)
    expect(await read(apollo.createClient(url, headers))).toEqual(own)
    const keyFields = ['provider', 'external_account_id']
    expect(await read(apolloWith({ typePolicies: { OAuthAccessToken: { keyFields } } }))).not.toEqual(own)
  })

  test('tokens stay out of a cache that is not asked to keep them', async () => {
    const client = apollo.createClient(url, headers)
    const { data } = await client.query({ query: gql(tokens), variables, fetchPolicy: 'no-cache' })
    expect(JSON.stringify(data)).toContain(`invented-token-${SHARED}-google`)
    expect(JSON.stringify(client.extract())).not.toContain('invented-token')
    await client.query({ query: gql(tokens), variables })
    expect(JSON.stringify(client.extract())).toContain('invented-token')
  })
})
