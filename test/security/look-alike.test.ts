/** docs/promises.md S16: a caller without a right cannot tell an unknown user from an unconnected or a forbidden one. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { schema } from '../../src/schema/index.ts'
import { callers } from './callers.ts'
import { elsewhere, startMatrix } from './matrix.ts'
import type { Matrix } from './matrix.ts'
import { operationsOf, variablesOf } from './operations.ts'
import { coordinateOf, findWays } from './ways.ts'

const asked = [
  ['forbidden', { subject: 'acme_1', provider: 'oauth_google' }],
  ['connected elsewhere', { subject: elsewhere.user_id, provider: 'oauth_google' }],
  ['unknown', { subject: 'nobody_1', provider: 'oauth_google' }],
  ['asked for at a provider that is not served', { subject: 'nobody_1', provider: 'oauth_nowhere' }],
] as const

const operations = findWays(schema)
  .filter((way) => coordinateOf(way.at(-1)!) === 'OAuthAccessToken.token')
  .flatMap(operationsOf)
  .filter(({ ofViewer }) => !ofViewer)
  .map(({ query }) => query)
  .concat(
    'query ($subject: ID!) { user(id: $subject) { external_accounts { id provider email_address } } }',
    'query ($subject: ID!) { user(id: $subject) { oauth_connections { provider status reason } } }',
    'query ($subject: ID!, $provider: String!) { user(id: $subject) { oauth_connection(provider: $provider, required_scopes: ["a"]) { status reason missing_scopes } } }',
  )

/** The callers who have no right at all to the user who is asked for. */
const strangers = callers.filter(({ name }) =>
  [
    'nobody',
    'a user of neither',
    'a service without a grant',
    'a service for one user',
    'a service whose grant has ended',
  ].includes(name),
)

let matrix: Matrix
beforeAll(async () => {
  matrix = await startMatrix()
})
afterAll(() => matrix[Symbol.asyncDispose]())

it('is about five kinds of callers and all operations', () => {
  expect(strangers).toHaveLength(5)
  expect(operations.length).toBeGreaterThan(60)
})

it.each(strangers)('$name gets the same bytes for each, and no platform is asked', async (caller) => {
  const before = matrix.statements()
  const [forbidden, ...others] = await Promise.all(
    asked.map(async ([, cell]) => {
      const variables = variablesOf(cell)
      const answers = await matrix.askAll(
        caller,
        operations.map((query) => ({ query, variables })),
      )
      return answers.map(({ text }) =>
        text.replaceAll(cell.subject, '<subject>').replaceAll(/"request_id":"[\w-]+"/g, '<request>'),
      )
    }),
  )
  for (const [n, other] of others.entries())
    for (const [m, text] of other.entries()) expect(text, `${asked[n + 1]![0]}: ${operations[m]!}`).toBe(forbidden![m])
  expect(matrix.statements()).toBe(before)
})
