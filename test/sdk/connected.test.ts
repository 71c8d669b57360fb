/** What a connection brings is what the providers' own SDKs take: the token that the graph answers goes into each of them. */
import { Octokit } from '@octokit/core'
import { WebClient } from '@slack/web-api'
import { OAuth2Client } from 'google-auth-library'
import { expect, onTestFinished, test } from 'vitest'
import { connect, openConnectScene } from '../connect/scene.ts'
import { startLocal } from '../servers/local.ts'

interface Read {
  readonly token: string
  readonly expires_at: number
  readonly scopes: readonly string[]
  readonly id_token: string
}

/** The token of a connected account, and an API that takes no other. */
async function connected() {
  const scene = await openConnectScene()
  const app = scene.app('user_1')
  await connect(app)
  const { data } = await app.ask<{ me: { oauth_access_tokens: readonly [Read] } }>(
    '{ me { oauth_access_tokens(provider: "acme") { token expires_at scopes id_token } } }',
    {},
  )
  const [read] = data!.me.oauth_access_tokens
  const schemes: string[] = []
  const api = await startLocal(({ headers }) => {
    const [scheme = '', given] = (headers.authorization ?? '').split(' ')
    schemes.push(scheme.toLowerCase())
    return given === read.token ? { status: 200, body: { ok: true, login: 'person' } } : { status: 401, body: {} }
  })
  onTestFinished(() => api.close())
  return { read, api, schemes }
}

test('@octokit/core', async () => {
  const { read, api, schemes } = await connected()
  const octokit = new Octokit({ auth: read.token, baseUrl: api.url })
  expect((await octokit.request('GET /user')).data).toMatchObject({ login: 'person' })
  expect(schemes).toHaveLength(1)
})

test('@slack/web-api', async () => {
  const { read, api, schemes } = await connected()
  const client = new WebClient(read.token, { slackApiUrl: `${api.url}/api/`, retryConfig: { retries: 0 } })
  expect(await client.auth.test()).toMatchObject({ ok: true })
  expect(schemes).toStrictEqual(['bearer'])
})

test('google-auth-library: a token with its expiry is used as it is, and asks for no refresh', async () => {
  const { read, api, schemes } = await connected()
  const client = new OAuth2Client()
  client.setCredentials({
    ...{ access_token: read.token, expiry_date: read.expires_at * 1000, id_token: read.id_token },
    scope: read.scopes.join(' '),
  })
  expect((await client.request<{ login: string }>({ url: `${api.url}/userinfo` })).data).toMatchObject({
    login: 'person',
  })
  expect(schemes).toStrictEqual(['bearer'])
})
