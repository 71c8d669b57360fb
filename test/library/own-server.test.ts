/** The types in somebody else's GraphQL server: who may read what, what is recorded, and what is refused. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createYoga } from 'graphql-yoga'
import { expect, onTestFinished, test } from 'vitest'
import { newServiceKey } from '../../src/auth/service-keys.ts'
import { createTokengraph } from '../../src/index.ts'
import type { OwnViewer, Tokengraph } from '../../src/index.ts'
import { writeLog } from '../../src/log.ts'
import { testFolder } from '../kit/folder.ts'
import { keepOutput } from '../kit/keep-output.ts'
import { startClerk } from '../servers/clerk.ts'

const query = 'query Mine { user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }'
const answered = { data: { user: { oauth_access_tokens: [{ token: 'invented-token' }] } } }

async function open(limits: object = {}) {
  const clerk = await startClerk()
  onTestFinished(() => clerk.close())
  clerk.addTokens('user_1', 'oauth_google', [{ token: 'invented-token' }])
  const grants = [{ providers: ['google'], users: ['*'], fields: ['token'] }]
  const auth = { services: [{ id: 'mail', key_sha256: newServiceKey().key_sha256, grants }] }
  const audit = join(testFolder().path, 'audit.log')
  const tokengraph = await createTokengraph({
    config: {
      upstreams: { clerk: clerk.options({}) },
      auth,
      limits,
      audit: { sink: 'file', path: audit, key: 'ab'.repeat(32) },
    },
    log: writeLog('debug', { write: keepOutput }),
  })
  onTestFinished(() => tokengraph.close())
  return { tokengraph, records: () => readFileSync(audit, 'utf8') }
}

async function ask(tokengraph: Tokengraph, viewer: OwnViewer, { plugins = [tokengraph.plugin], text = query } = {}) {
  const yoga = createYoga({
    schema: tokengraph.schema,
    plugins,
    context: () => ({ tokengraph: tokengraph.contextFor(viewer) }),
    logging: false,
  })
  const body = JSON.stringify({ query: text })
  const headers = { 'content-type': 'application/json' }
  const response = await yoga.fetch('http://app.example/graphql', { method: 'POST', headers, body })
  return (await response.json()) as unknown
}

test('each viewer reads what the configuration allows, and every decision is recorded', async () => {
  const { tokengraph, records } = await open()
  expect(await ask(tokengraph, { user: 'user_1' })).toEqual(answered)
  expect(await ask(tokengraph, { service: 'mail' })).toEqual(answered)
  expect(await ask(tokengraph, { user: 'user_2' })).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] })
  expect(await ask(tokengraph, null)).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
  expect(await ask(tokengraph, { user: 'user_1' }, { text: '{ me { id } }' })).toEqual({
    data: { me: { id: 'user_1' } },
  })
  for (const word of ['"embedding server"', '"mail"', '"Mine"', '"not_owner"', '"anonymous"'])
    expect(records()).toContain(word)
})

test('without the plugin no resolver runs', async () => {
  const { tokengraph } = await open()
  const answer = JSON.stringify(await ask(tokengraph, { user: 'user_1' }, { plugins: [] }))
  expect(answer).toContain('errors')
  expect(answer).not.toContain('invented-token')
})

test('an answer that cannot be recorded is withheld', async () => {
  const { tokengraph } = await open()
  expect(await ask(tokengraph, { user: 'user_1' })).toEqual(answered)
  await tokengraph.close()
  const answer = JSON.stringify(await ask(tokengraph, { user: 'user_1' }))
  expect(answer).toContain('The answer was withheld')
  expect(answer).not.toContain('invented-token')
})

test('the limit on reads holds', async () => {
  const { tokengraph } = await open({ token_reads: 1 })
  const text =
    '{ user(id: "user_1") { a: oauth_access_tokens(provider: "google") { token } b: oauth_access_tokens(provider: "github") { token } } }'
  expect(await ask(tokengraph, { user: 'user_1' }, { text })).toHaveProperty('errors')
})

test('a service that the configuration does not have, and a context used twice, are refused', async () => {
  const { tokengraph } = await open()
  expect(() => tokengraph.contextFor({ service: 'nobody' })).toThrow('no such service')
  const context = { tokengraph: tokengraph.contextFor({ user: 'user_1' }) }
  const yoga = createYoga({ schema: tokengraph.schema, plugins: [tokengraph.plugin], context, logging: false })
  const answers: string[] = []
  for (let round = 0; round < 2; round++) {
    const body = JSON.stringify({ query })
    const headers = { 'content-type': 'application/json' }
    const response = await yoga.fetch('http://app.example/graphql', { method: 'POST', headers, body })
    answers.push(await response.text())
  }
  expect(answers[0]).toContain('invented-token')
  expect(answers[1]).not.toContain('invented-token')
})
