/** The schema against the last released one: what breaks clients fails here, before it is released. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compareSchemas } from '../../scripts/compare-schemas.ts'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const released = read('./released.graphql')
const current = read('../../schema.graphql')

/** What the next release breaks on purpose, as CHANGELOG.md says; the release empties the list. */
const announced = [
  "OAuthConnection.reason: Field 'OAuthConnection.reason' changed type from 'String' to 'OAuthConnectionReason'",
  "Query.providers: Field 'Query.providers' changed type from '[Provider!]!' to '[OAuthProvider!]!'",
]

test('breaks no client of the last release but where it is announced', async ({ annotate }) => {
  const { breaking, dangerous } = await compareSchemas(released, current)
  for (const change of dangerous) await annotate(change, 'dangerous')
  expect(breaking, 'deprecate first; after a release: node scripts/schema-changes.ts --release').toStrictEqual(
    announced,
  )
})

const before = `
  type Query { user(id: ID!, min: Int = 60): User }
  type User { name: String, token: String!, label: String @deprecated(reason: "Invented."), status: Status }
  enum Status { ON OFF }
`

test.each([
  ['a field that is gone', 'token: String!,', '', 'User.token: '],
  ['a field that may now be null', 'token: String!', 'token: String', 'User.token: '],
  ['an argument that is now required', 'id: ID!,', 'id: ID!, realm: ID!,', 'Query.user.realm: '],
  ['an enum value that is gone', 'ON OFF', 'ON', 'Status.OFF: '],
])('finds %s', async (_, from, to, path) => {
  const { breaking } = await compareSchemas(before, before.replace(from, to))
  expect(breaking).toStrictEqual([expect.stringContaining(path)])
})

test.each([
  ['another default', 'Int = 60', 'Int = 30', 'Query.user.min: '],
  ['a new enum value', 'ON OFF', 'ON OFF LATER', 'Status.LATER: '],
  ['the end of what was deprecated', 'label: String @deprecated(reason: "Invented."),', '', 'User.label: '],
])('takes for dangerous: %s', async (_, from, to, path) => {
  const { breaking, dangerous } = await compareSchemas(before, before.replace(from, to))
  expect([breaking, dangerous]).toStrictEqual([[], [expect.stringContaining(path)]])
})

test('takes for safe: a new field', async () => {
  const { safe, ...others } = await compareSchemas(before, before.replace('name: String', 'name: String, size: Int'))
  expect(others).toStrictEqual({ breaking: [], dangerous: [] })
  expect(safe).toStrictEqual([expect.stringContaining('User.size: ')])
})
