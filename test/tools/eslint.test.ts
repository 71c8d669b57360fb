/** graphql-eslint in a project of its own, with the configuration of the docs. */
import { expect, test } from 'vitest'
import { makeProject, shownCode } from './project.ts'

const ESLINT = 'eslint/bin/eslint.js'
const config = shownCode('graphql-eslint', 'js')

const operation = `query Tokens($user_id: ID!) {
  user(id: $user_id) {
    id
    oauth_access_tokens(provider: "google") {
      token
    }
  }
}
`

test('finds nothing in an operation that fits', async () => {
  using project = makeProject({ 'eslint.config.js': config, 'src/tokens.graphql': operation })
  expect(await project.run(ESLINT, '--max-warnings', '0', '.')).toStrictEqual({ code: 0, output: '' })
})

test('finds what does not fit, and a name in another style', async () => {
  const wrong = operation.replaceAll('user_id', 'userId').replace('token\n', 'tokn\n')
  using project = makeProject({ 'eslint.config.js': config, 'src/tokens.graphql': wrong })
  const { code, output } = await project.run(ESLINT, '--max-warnings', '0', '.')
  expect(code).toBe(1)
  expect(output).toContain('Cannot query field "tokn" on type "OAuthAccessToken"')
  expect(output).toContain('@graphql-eslint/naming-convention')
})
