/** `_entities`: every representation by itself, in order (docs/adr/0002-own-entities.md). */
import { expect, it } from 'vitest'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

const query = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on User { id oauth_access_tokens(provider: "google") { token } }
  }
}`

it('answers the good ones and refuses the bad ones at their own places, with one call for equal keys', async () => {
  await using graph = await startGraphOverClerk()
  for (const user of ['user_1', 'user_2']) graph.clerk.addTokens(user, 'oauth_google', [{ token: `invented-${user}` }])
  const representations = [
    { __typename: 'User', id: 'user_1' },
    { __typename: 'Unknown', id: 'user_1' },
    { __typename: 'User' },
    { __typename: 'User', id: 1.5 },
    { id: 'user_1' },
    'user_1',
    { __typename: 'User', id: 'a\nb' },
    { __typename: 'User', id: 'user_2' },
    { __typename: 'User', id: 'user_1', email: 'added by another subgraph' },
  ]
  const { data, errors } = await graph.server.ask<{ _entities: unknown[] }>(query, { variables: { representations } })
  const answer = (id: string) => ({ __typename: 'User', id, oauth_access_tokens: [{ token: `invented-${id}` }] })
  expect(data?._entities).toEqual([
    answer('user_1'),
    ...[null, null, null, null, null, null],
    answer('user_2'),
    answer('user_1'),
  ])
  expect(errors?.map(({ path, extensions }) => [path, extensions.code])).toEqual(
    [1, 2, 3, 4, 5, 6].map((place) => [['_entities', place], 'BAD_USER_INPUT']),
  )
  expect(graph.clerk.calls).toHaveLength(2)
})

it('takes a number that is exact for the id that it is, and refuses every other one', async () => {
  await using graph = await startGraphOverClerk()
  // As literals: variables with such numbers are refused as a whole (server/execution/operations.ts).
  const numbers = [
    '7',
    '-7',
    '9007199254740991',
    '9007199254740992',
    '80351110224678913',
    '1.5',
    '1e300',
    'true',
    '[7]',
  ]
  const { data, errors } = await graph.server.ask<{ _entities: unknown[] }>(
    `{ _entities(representations: [${numbers.map((id) => `{ __typename: "User", id: ${id} }`).join(', ')}]) { ... on User { id } } }`,
  )
  const exact = ['7', '-7', '9007199254740991'].map((id) => ({ id }))
  expect(data?._entities).toEqual([...exact, null, null, null, null, null, null])
  expect(errors?.map(({ path, extensions }) => [path?.at(-1), extensions.code])).toEqual(
    [3, 4, 5, 6, 7, 8].map((place) => [place, 'BAD_USER_INPUT']),
  )
})

it('answers an empty list with an empty list, and calls nobody for a bare key', async () => {
  await using graph = await startGraphOverClerk()
  expect(await graph.server.ask(query, { variables: { representations: [] } })).toEqual({ data: { _entities: [] } })
  const bare = `{ _entities(representations: [{ __typename: "User", id: "user_1" }]) { ... on User { id } } user(id: "user_2") { id } }`
  expect(await graph.server.ask(bare)).toEqual({ data: { _entities: [{ id: 'user_1' }], user: { id: 'user_2' } } })
  expect(graph.clerk.calls).toHaveLength(0)
})
