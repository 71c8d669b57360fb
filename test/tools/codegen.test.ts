/** GraphQL Code Generator's client preset in a project of its own: types, and the manifest of trusted documents. */
import { getIntrospectionQuery } from 'graphql'
import { expect, test } from 'vitest'
import { startTestServer } from '../kit/server.ts'
import { CANARY } from '../security/support.ts'
import { makeProject, shownCode, TSC, tsconfig } from './project.ts'
import type { Project } from './project.ts'
import { startTrusted } from './trusted-server.ts'

const config = shownCode('GraphQL Code Generator', 'ts')
const CODEGEN = '@graphql-codegen/cli/esm/bin.js'

const use = `
import type { ResultOf } from '@graphql-typed-document-node/core'
import { graphql } from './gql/gql'

export const document = graphql(\`
  query Tokens($user_id: ID!) {
    user(id: $user_id) {
      id
      oauth_access_tokens(provider: "google") { token expires_at public_metadata object }
      oauth_connection(provider: "google") { status retry_after_ms }
    }
  }
\`)

declare const result: ResultOf<typeof document>
const token: string | undefined = result.user?.oauth_access_tokens?.[0]?.token
const expires_at: number | null | undefined = result.user?.oauth_access_tokens?.[0]?.expires_at
const metadata: Record<string, unknown> | undefined = result.user?.oauth_access_tokens?.[0]?.public_metadata
const object: 'oauth_access_token' | undefined = result.user?.oauth_access_tokens?.[0]?.object
const isConnected: boolean = result.user?.oauth_connection?.status === 'CONNECTED'

// @ts-expect-error what the schema may leave out has to be checked
result.user.id
// @ts-expect-error it was not asked for
const scopes = result.user?.oauth_access_tokens?.[0]?.scopes
// @ts-expect-error it is a number
const date: string | null | undefined = result.user?.oauth_access_tokens?.[0]?.expires_at
// @ts-expect-error there is no such status
const isGone: boolean = result.user?.oauth_connection?.status === 'GONE'
`

const makeCodegen = (schema: string) =>
  makeProject({
    'codegen.ts': config.replace('introspection.json', schema),
    'src/use.ts': use,
    'tsconfig.json': tsconfig(),
  })

async function generate(project: Project): Promise<void> {
  const generated = await project.run(CODEGEN, '--config', 'codegen.ts')
  expect(generated).toMatchObject({ code: 0 })
  expect(generated.output).not.toMatch(/warn|error|fail|deprecat/i)
}

test('reads introspection.json without a warning, what it writes compiles, and its manifest is executed', async () => {
  using project = makeCodegen('introspection.json')
  await generate(project)
  expect(await project.run(TSC, '-p', '.')).toStrictEqual({ code: 0, output: '' })

  const manifest = project.read('src/gql/persisted-documents.json')
  await using server = await startTrusted(manifest)
  const [documentId] = Object.keys(JSON.parse(manifest) as object)
  const { answer } = await server.post({ documentId, variables: { user_id: 'user_1' } })
  expect(answer).toMatchObject({ data: { user: { oauth_access_tokens: [{ token: CANARY }] } } })

  using fromSdl = makeCodegen('schema.graphql')
  await generate(fromSdl)
  for (const file of ['gql.ts', 'graphql.ts', 'persisted-documents.json'])
    expect(fromSdl.read(`src/gql/${file}`), `from schema.graphql: ${file}`).toBe(project.read(`src/gql/${file}`))
})

test('reads the schema of a running server, which shows the names of federation too', async () => {
  await using server = await startTestServer({
    file: { upstreams: { clerk: { platform: 'clerk', secret_key: 'sk_test_invented_key' } } },
  })
  const { data } = await server.ask(getIntrospectionQuery())
  using project = makeProject({
    'codegen.ts': config.replace('introspection.json', 'server.json'),
    'server.json': JSON.stringify(data),
    'src/use.ts': use,
    'tsconfig.json': tsconfig(),
  })
  const names = (data!.__schema as { types: { name: string }[] }).types.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['_Any', '_Entity', '_Service']))
  await generate(project)
  expect(await project.run(TSC, '-p', '.')).toStrictEqual({ code: 0, output: '' })
})

test('refuses an operation that does not fit the schema', async () => {
  const wrong = use.replace('token expires_at', 'token expires_att')
  using project = makeProject({ 'codegen.ts': config, 'src/use.ts': wrong })
  const { code, output } = await project.run(CODEGEN, '--config', 'codegen.ts')
  expect(code).toBe(1)
  expect(output).toContain('Cannot query field "expires_att" on type "OAuthAccessToken"')
})
