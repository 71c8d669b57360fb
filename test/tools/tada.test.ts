/** gql.tada: types out of the text of an operation, without a step that generates operations. */
import { expect, test } from 'vitest'
import { CANARY } from '../security/support.ts'
import { makeProject, shownCode, TSC, tsconfig } from './project.ts'
import { startTrusted } from './trusted-server.ts'

const TADA = 'gql.tada/bin/cli.js'

const { compilerOptions } = JSON.parse(shownCode('gql.tada', 'json')) as { compilerOptions: object }
const tada = shownCode('gql.tada', 'ts')

const use = `
import type { ResultOf, VariablesOf } from 'gql.tada'
import { graphql } from './graphql.ts'

export const document = graphql(\`
  query Tokens($user_id: ID!) {
    user(id: $user_id) {
      id
      oauth_access_tokens(provider: "google") { token expires_at public_metadata object }
      oauth_connection(provider: "google") { status retry_after_ms }
    }
  }
\`)

export const persisted = graphql.persisted<typeof document>('generated', document)

declare const result: ResultOf<typeof document>
const token: string | undefined = result.user?.oauth_access_tokens?.[0]?.token
const expires_at: number | null | undefined = result.user?.oauth_access_tokens?.[0]?.expires_at
const metadata: Record<string, unknown> | undefined = result.user?.oauth_access_tokens?.[0]?.public_metadata
const object: 'oauth_access_token' | undefined = result.user?.oauth_access_tokens?.[0]?.object
const isConnected: boolean = result.user?.oauth_connection?.status === 'CONNECTED'
const variables: VariablesOf<typeof document> = { user_id: 'user_1' }

// @ts-expect-error what the schema may leave out has to be checked
result.user.id
// @ts-expect-error it was not asked for
const scopes = result.user?.oauth_access_tokens?.[0]?.scopes
// @ts-expect-error it is a number
const date: string | null | undefined = result.user?.oauth_access_tokens?.[0]?.expires_at
// @ts-expect-error there is no such status
const isGone: boolean = result.user?.oauth_connection?.status === 'GONE'
// @ts-expect-error a variable is missing
const none: VariablesOf<typeof document> = {}
`

const makeTada = (schema: string, source = use) =>
  makeProject({
    'src/graphql.ts': tada,
    'src/use.ts': source,
    'tsconfig.json': tsconfig(compilerOptions).replace('introspection.json', schema),
  })

test.each(['introspection.json', 'schema.graphql'])(
  'reads %s without a warning, and a use of it compiles',
  async (schema) => {
    using project = makeTada(schema)
    const generated = await project.run(TADA, 'generate-output')
    expect(generated).toMatchObject({ code: 0 })
    expect(generated.output).not.toMatch(/warn|error|fail/i)
    expect(await project.run(TSC, '-p', '.')).toStrictEqual({ code: 0, output: '' })
    expect(await project.run(TADA, 'check', '--fail-on-warn')).toMatchObject({ code: 0 })
  },
)

test('a use that does not fit the schema does not compile', async () => {
  using project = makeTada('introspection.json', use.replace('token expires_at', 'tokn expires_at'))
  await project.run(TADA, 'generate-output')
  const { code, output } = await project.run(TSC, '-p', '.')
  expect(code).not.toBe(0)
  expect(output).toMatch(/^src\/use\.ts\(\d+,\d+\): error TS\d+: Property 'token' does not exist/m)
  expect((await project.run(TADA, 'check')).output).toContain('Cannot query field "tokn" on type "OAuthAccessToken"')
})

test('writes a manifest that the server executes', async () => {
  using project = makeTada('introspection.json')
  await project.run(TADA, 'generate-output')
  expect(await project.run(TADA, 'generate-persisted')).toMatchObject({ code: 0 })
  const manifest = project.read('persisted.json')
  await using server = await startTrusted(manifest)
  const [documentId] = Object.keys(JSON.parse(manifest) as object)
  const { answer } = await server.post({ documentId, variables: { user_id: 'user_1' } })
  expect(answer).toMatchObject({ data: { user: { oauth_access_tokens: [{ token: CANARY }] } } })
})
