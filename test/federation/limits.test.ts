/** The limits that docs/federation.md names, against a running server with the configurations that it shows. */
import { graphql } from 'graphql'
import type { GraphQLSchema } from 'graphql'
import { createSchema } from 'graphql-yoga'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadRecipe } from '../clients/recipe.ts'
import { account, startGraphOverVault } from '../graph/vault.ts'
import { printed, shownCode } from '../tools/project.ts'

const idsOf = (count: number): string[] => Array.from({ length: count }, (_, n) => `user_${n}`)
const accounts = idsOf(1000).flatMap((id) => ['google', 'github'].map((provider) => account(id, provider)))

/** The `limits` that the page shows below a heading. */
function limitsBelow(heading: string): object {
  return (parse(shownCode(heading, 'yaml', 'federation')) as { limits: object }).limits
}

/** Asks as a gateway does, and says what came of it. */
async function representations(
  graph: Awaited<ReturnType<typeof startGraphOverVault>>,
  ids: readonly string[],
  providers: readonly string[],
) {
  const fields = providers.map((name) => `${name}: oauth_access_tokens(provider: "${name}") { token }`).join(' ')
  const { data, errors = [] } = await graph.server.ask<{ _entities: (Record<string, unknown> | null)[] }>(
    `query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on User { ${fields} } } }`,
    { variables: { representations: ids.map((id) => ({ __typename: 'User', id })) } },
  )
  const answered = data?._entities.filter((user) => providers.every((name) => Array.isArray(user?.[name]))).length ?? 0
  return { answered, message: errors[0]?.message ?? null, code: errors[0]?.extensions.code ?? null }
}

const tooMany = { answered: 0, message: expect.stringMatching(/too many objects: at most/) as unknown }
const fine = { message: null, code: null }

describe('representations', () => {
  it('unless configured: 500 with one token field, 333 with two, and 250 token reads', async () => {
    await using graph = await startGraphOverVault(accounts)
    const twice = (count: number) => [...idsOf(count), ...idsOf(count)]
    expect(await representations(graph, twice(250), ['google'])).toEqual({ answered: 500, ...fine })
    expect(await representations(graph, [...twice(250), 'user_0'], ['google'])).toMatchObject(tooMany)
    expect(await representations(graph, [...twice(125), ...idsOf(83)], ['google', 'github'])).toEqual({
      answered: 333,
      ...fine,
    })
    expect(await representations(graph, [...twice(125), ...idsOf(84)], ['google', 'github'])).toMatchObject(tooMany)
    expect(await representations(graph, idsOf(251), ['google'])).toMatchObject({ code: 'BAD_USER_INPUT' })
    expect((await representations(graph, idsOf(126), ['google', 'github'])).code).not.toBeNull()
  })

  it('with the configuration of the page: 1000 users at two providers, and no more', async () => {
    await using graph = await startGraphOverVault(accounts, { limits: limitsBelow('Limits that a gateway meets') })
    expect(await representations(graph, idsOf(1000), ['google', 'github'])).toEqual({ answered: 1000, ...fine })
    expect(await representations(graph, [...idsOf(1000), 'user_0'], ['google', 'github'])).toMatchObject(tooMany)
  })
})

describe('schema stitching, as the page shows it', async () => {
  const buyers = idsOf(150).map((id) => account(id, 'google'))
  const { stitchTokens } = await loadRecipe<{
    stitchTokens(sdl: string, url: string, others: GraphQLSchema[]): GraphQLSchema
  }>('Schema stitching', 'federation')
  const orders = createSchema({
    typeDefs: 'type Query { orders(first: Int!): [Order!]! } type Order { buyer: User! } type User { id: ID! }',
    resolvers: {
      Query: { orders: (_: unknown, { first }: { first: number }) => idsOf(first).map((id) => ({ buyer: { id } })) },
    },
  })

  async function askStitched(graph: Awaited<ReturnType<typeof startGraphOverVault>>, source: string) {
    const schema = stitchTokens(printed({}), `${graph.server.url}/graphql`, [{ schema: orders } as never])
    const contextValue = { authorization: `Bearer ${graph.server.key}` }
    return graphql({ schema, source, contextValue })
  }

  const joined = '{ orders(first: 150) { buyer { id oauth_access_tokens(provider: "google") { token } } } }'
  const rootFields = `{ ${idsOf(25)
    .map((id) => `${id}: oauth_access_tokens(user_id: "${id}", provider: "google") { token }`)
    .join(' ')} }`

  it('joins lists of users, and refuses more root fields than the limit', async () => {
    await using graph = await startGraphOverVault(buyers)
    const { data, errors } = await askStitched(graph, joined)
    expect(errors).toBeUndefined()
    expect(JSON.stringify(data)).toContain('invented-token-user_149-google')
    const refused = await askStitched(graph, rootFields)
    expect(refused.errors?.[0]?.message).toContain('The operation selects too many root fields')
  })

  it('with the configuration of the page: root fields of a whole batch', async () => {
    await using graph = await startGraphOverVault(buyers, { limits: limitsBelow('Schema stitching') })
    const { data, errors } = await askStitched(graph, rootFields)
    expect(errors).toBeUndefined()
    expect(Object.keys(data ?? {})).toHaveLength(25)
  })
})
