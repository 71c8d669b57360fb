/**
 * What clients do with the tokens of a partial answer, as docs/tools.md says it: what they print by themselves, and
 * what the recipes there print. One provider answers, the other needs consent.
 */
import { inspect } from 'node:util'
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { Client, fetchExchange } from '@urql/core'
import { GraphQLClient } from 'graphql-request'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { account, inSeconds, startGraphOverVault } from '../graph/vault.ts'
import { shownCode } from '../tools/project.ts'
import { loadRecipe } from './recipe.ts'

const TOKEN = 'invented-token-user_1-google'
const query = `{ user(id: "user_1") {
  id
  google: oauth_access_tokens(provider: "google") { token }
  github: oauth_access_tokens(provider: "github") { token }
} }`
const partial = { user: { id: 'user_1', google: [{ token: TOKEN }], github: null } }

let graph: Awaited<ReturnType<typeof startGraphOverVault>>
let url: string
let headers: { authorization: string }
beforeAll(async () => {
  const expired = { expires_at: inSeconds(-1) }
  graph = await startGraphOverVault([account('user_1', 'google'), account('user_1', 'github', expired)])
  url = `${graph.server.url}/graphql`
  headers = { authorization: `Bearer ${graph.server.key}` }
})
afterAll(() => graph[Symbol.asyncDispose]())

/** Which ways of printing an error show the token. */
function showsToken(error: unknown): Record<'message' | 'stack' | 'json' | 'inspect', boolean> {
  const { message, stack = '' } = error as Error
  const texts = { message, stack, json: JSON.stringify(error), inspect: inspect(error, { depth: 9 }) }
  return Object.fromEntries(Object.entries(texts).map(([way, text]) => [way, text.includes(TOKEN)])) as never
}

async function errorOf(action: Promise<unknown>): Promise<unknown> {
  return action.then(
    () => {
      throw new Error('expected an error')
    },
    (error: unknown) => error,
  )
}

describe('graphql-request', async () => {
  const recipe = await loadRecipe<{
    createClient(url: string, headers: object): GraphQLClient
    readTokens(client: GraphQLClient, query: string): Promise<unknown>
  }>('graphql-request')

  test('puts the whole answer into the message and the stack of its error', async () => {
    const error = await errorOf(new GraphQLClient(url, { headers }).request(query))
    expect(showsToken(error)).toEqual({ message: true, stack: true, json: true, inspect: true })
    expect(inspect(error, { depth: 9 })).not.toContain(graph.server.key)
    const { response } = error as { readonly response: { readonly errors: unknown } }
    expect(inspect(response.errors, { depth: 9 })).not.toContain(TOKEN)
  })

  test('by the recipe: the partial answer, and codes in the log', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue(undefined)
    expect(await recipe.readTokens(recipe.createClient(url, headers), query)).toEqual(partial)
    expect(warn.mock.calls).toEqual([[[{ path: ['user', 'github'], code: 'REAUTHORIZATION_REQUIRED' }]]])
    warn.mockRestore()
    const { body } = (await recipe.createClient(url, headers).rawRequest(query)) as { body?: string }
    expect(body, 'the text of the answer, beside `data`').toContain(TOKEN)
  })

  test('by the recipe: a refused credential is an error with its code and without the credential', async () => {
    const refused = { authorization: 'Bearer invented-wrong-key' }
    const error = await errorOf(recipe.readTokens(recipe.createClient(url, refused), query))
    expect(error).toMatchObject({ response: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] } })
    expect(inspect(error, { depth: 9 })).not.toContain('invented-wrong-key')
  })
})

describe('Apollo Client', async () => {
  const { createClient } = await loadRecipe<{ createClient(url: string, headers: object): ApolloClient }>(
    'Apollo Client',
  )

  test('throws the partial answer away, and keeps it in the error', async () => {
    const client = new ApolloClient({ link: new HttpLink({ uri: url, headers }), cache: new InMemoryCache() })
    const error = await errorOf(client.query({ query: gql(query) }))
    expect(showsToken(error)).toEqual({ message: false, stack: false, json: true, inspect: true })
    const { errors } = error as { readonly errors: unknown }
    expect(inspect(errors, { depth: 9 })).not.toContain(TOKEN)
  })

  test('by the recipe: the partial answer', async () => {
    const { data } = await createClient(url, headers).query({
      query: gql(query),
      fetchPolicy: 'no-cache',
      errorPolicy: 'all',
    })
    expect(data).toMatchObject(partial)
  })
})

describe('urql', async () => {
  const { createClient } = await loadRecipe<{ createClient(url: string, headers: object): Client }>('urql')

  test('sends queries by GET unless it is told otherwise', async () => {
    const client = new Client({ url, fetchOptions: { headers }, exchanges: [fetchExchange] })
    const { error } = await client.query(query, {}).toPromise()
    expect(error?.response).toMatchObject({ status: 405 })
  })

  test('by the recipe: the partial answer, and an error without it', async () => {
    const { data, error } = await createClient(url, headers).query<unknown>(query, {}).toPromise()
    expect(data).toMatchObject(partial)
    expect(showsToken(error)).toEqual({ message: false, stack: false, json: false, inspect: false })
  })
})

test('Next.js: the recipe is a call of fetch that forbids storing, and asks for what it should', async () => {
  const code = shownCode('Next.js', 'ts')
  expect(code).toContain("cache: 'no-store'")
  const { readTokens } = await loadRecipe<{ readTokens(query: string): Promise<unknown> }>('Next.js')
  const plainFetch = fetch
  const calls = vi
    .spyOn(globalThis, 'fetch')
    .mockImplementation((_, init) =>
      plainFetch(url, { ...init, headers: { ...(init?.headers as object), ...headers } }),
    )
  expect(await readTokens(query)).toMatchObject({ data: partial })
  expect(calls.mock.calls[0]?.[1]?.cache).toBe('no-store')
  calls.mockRestore()
})

test('pino: redaction by path hides the documented names and misses aliases', async () => {
  const print = (value: unknown): string => {
    const lines: string[] = []
    const options = { redact: ['data.user.oauth_access_tokens[*].token'] }
    pino(options, { write: (line: string) => void lines.push(line) }).info(value)
    return lines.join('')
  }
  const ask = (selection: string) =>
    graph.server.ask(
      `{ user(id: "user_1") { ${selection.replace('TOKENS', 'oauth_access_tokens(provider: "google")')} } }`,
    )
  expect(print(await ask('TOKENS { token }'))).not.toContain(TOKEN)
  expect(print(await ask('TOKENS { t: token }'))).toContain(TOKEN)
  expect(print(await ask('google: TOKENS { token }'))).toContain(TOKEN)
})
