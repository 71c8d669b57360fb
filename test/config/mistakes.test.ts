import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { platforms } from '../../src/upstreams/registry.ts'
import { loaderOnly, mistakes, tenMistakes, unions, words } from './corpus.ts'
import { configErrorOf, env, minimal, problemsOf, writeConfig } from './sample.ts'

describe('each kind of mistake, with its line and what was expected', () => {
  it.each([...mistakes, ...loaderOnly])('%s', (_title, text, expected) => {
    expect(problemsOf(text)).toEqual([expected])
  })

  it('a missing platform, and the key that was meant to be it', () => {
    expect(problemsOf(minimal.replace('platform:', 'platfrom:'))).toEqual([
      `2:3 upstreams.clerk.platform: missing; expected ${words(...Object.keys(platforms))}`,
      '2:12 upstreams.clerk.platfrom: unknown key; did you mean "platform"?',
    ])
  })

  it('a union is explained by the branch that was meant', () => {
    expect(unions.map(([, text]) => problemsOf(text))).toEqual([
      ['5:37 auth.issuers[0].audience: expected a string or a list, got an empty list'],
      ['5:42 auth.issuers[0].audience[1]: expected a string, got a number; put it in quotes'],
      [expect.stringMatching(/^5:\d+ auth.issuers\[0\].algorithms\[0\]: .*; did you mean "EdDSA"\?$/)],
      [expect.stringMatching(/^4:\d+ auth.*fields\[0\]: expected .*"id_token", "\*"; did you mean "token"\?$/)],
    ])
  })
})

it('reports ten mistakes of one file at once, in the order of the file', () => {
  const file = writeConfig(tenMistakes)
  const error = configErrorOf(() => loadConfig({ file, env }))
  expect(error.problems.map(({ path, line }) => `${line} ${path}`)).toEqual([
    '1 listen.port',
    '2 mode',
    '4 upstreams.clerk.secret_key',
    '6 upstreams.clerk.secret_kye',
    '7 upstreams.clerk.concurrency',
    '8 upstreams.vault.platform',
    '10 providers.google',
    '11 providers.oauth_google',
    '13 auth.services[0].id',
    '13 auth.services[0].key_sha256',
    '14 drain_second',
  ])
  expect(error.message.split('\n')).toHaveLength(error.problems.length)
  expect(error.message).toContain(`${file}:6:5  upstreams.clerk.secret_kye  unknown key; did you mean "secret_key"?`)
  expect(error.message).not.toContain('canary')
})
