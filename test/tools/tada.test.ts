/** gql.tada: types out of the text of an operation, without a step that generates operations. */
import { expect, test } from 'vitest'
import { CANARY } from '../security/support.ts'
import { makeProject, shownCode, TSC, tsconfig } from './project.ts'
import type { Project } from './project.ts'
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

/** Where the documentation says that the types go. */
const [, OUTPUT = ''] = /"tadaOutputLocation":\s*"([^"]+)"/.exec(shownCode('gql.tada', 'json')) ?? []

async function generate(project: Project): Promise<void> {
  const generated = await project.run(TADA, 'generate-output')
  expect(generated).toMatchObject({ code: 0 })
  expect(generated.output).not.toMatch(/warn|error|fail/i)
}

test('reads introspection.json without a warning, a use of it compiles, and its manifest is executed', async () => {
  using project = makeTada('introspection.json')
  await generate(project)
  expect(await project.run(TSC, '-p', '.')).toStrictEqual({ code: 0, output: '' })
  expect(await project.run(TADA, 'check', '--fail-on-warn')).toMatchObject({ code: 0 })

  expect(await project.run(TADA, 'generate-persisted')).toMatchObject({ code: 0 })
  const manifest = project.read('persisted.json')
  await using server = await startTrusted(manifest)
  const [documentId] = Object.keys(JSON.parse(manifest) as object)
  const { answer } = await server.post({ documentId, variables: { user_id: 'user_1' } })
  expect(answer).toMatchObject({ data: { user: { oauth_access_tokens: [{ token: CANARY }] } } })
})

test('reads schema.graphql without a warning, with the same types, and finds a use that does not fit', async () => {
  using project = makeTada('schema.graphql', use.replace('token expires_at', 'tokn expires_at'))
  await generate(project)
  using fromIntrospection = makeTada('introspection.json')
  await generate(fromIntrospection)
  expect(project.read(OUTPUT)).toBe(fromIntrospection.read(OUTPUT))

  const { code, output } = await project.run(TSC, '-p', '.')
  expect(code).not.toBe(0)
  expect(output).toMatch(/^src\/use\.ts\(\d+,\d+\): error TS\d+: Property 'token' does not exist/m)
  expect((await project.run(TADA, 'check')).output).toContain('Cannot query field "tokn" on type "OAuthAccessToken"')
})
