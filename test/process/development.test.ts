/** Development mode in an empty folder, without a configuration. */
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { demoQuery } from '../../src/development/demo.ts'
import { makeFolder } from '../kit/folder.ts'
import { run, start } from '../kit/process.ts'

async function ask(url: string, key: string, query: string): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query }),
  })
  return response.json()
}

/** `fetch` sets the Host header itself, so the request is written by hand. */
async function requestAs(host: string, port: number): Promise<{ status: number; body: string }> {
  const sent = request({ host: '127.0.0.1', port, path: '/graphql', headers: { host, accept: 'text/html' } })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return { status: response.statusCode ?? 0, body }
}

const demoAnswer = {
  data: {
    user: {
      google: [
        { label: 'home', token: 'demo-google-home-token', scopes: ['openid', 'email'], expires_at: 4102444800 },
        {
          label: 'work',
          token: 'demo-google-work-token',
          scopes: ['openid', 'email', 'https://www.googleapis.com/auth/calendar.readonly'],
          expires_at: 4102444800,
        },
      ],
      x: [{ token: 'demo-x-token', token_secret: 'demo-x-token-secret' }],
      github: { status: 'CONNECTED', reason: null },
      slack: { status: 'REAUTHORIZATION_REQUIRED', reason: 'REAUTHORIZATION_REQUIRED' },
    },
  },
}

it('answers the first query from an empty folder and after a restart, with files for their owner only', async () => {
  using folder = makeFolder()
  for (const expected of ['created, with the demo user', 'holds the demo user']) {
    await using server = start(['serve', '--port', '0'], { cwd: folder.path })
    const [, url = ''] = await server.seen(/graph\s+(http:\S+)/)
    await server.seen(new RegExp(expected))
    const key = readFileSync(join(folder.path, 'data/dev.key'), 'utf8').trim()
    expect(await ask(url, key, demoQuery)).toEqual(demoAnswer)
    const github = '{ user(id: "user_demo") { oauth_access_tokens(provider: "github") { token } } }'
    // Refreshed by the demo provider once, and kept over the restart.
    expect(await ask(url, key, github)).toEqual({
      data: { user: { oauth_access_tokens: [{ token: 'demo-github-token-1' }] } },
    })
    server.child.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
  }
  expect((await run(['vault', 'remove', '--user', 'user_demo'], { cwd: folder.path })).code).toBe(0)
  await using without = start(['serve', '--port', '0'], { cwd: folder.path })
  await without.seen(/without the demo user/)
  const mode = (name: string) => statSync(join(folder.path, name)).mode & 0o777
  expect(mode('data')).toBe(0o700)
  for (const name of ['data/dev.key', 'data/vault.key', 'data/tokengraph.sqlite']) expect(mode(name)).toBe(0o600)
})

it('serves GraphiQL to a browser on this machine only', async () => {
  using folder = makeFolder()
  await using server = start(['serve', '--port', '0'], { cwd: folder.path })
  const [, url = ''] = await server.seen(/graph\s+(http:\S+)/)
  const page = await fetch(url, { headers: { accept: 'text/html' } })
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(await page.text()).toContain('user_demo')
  const { port } = new URL(url)
  const { status, body } = await requestAs('evil.example', Number(port))
  expect(status).toBe(403)
  expect(body).not.toContain('tgk_')
})

it('shares its vault with the vault commands', async () => {
  using folder = makeFolder()
  const cwd = folder.path
  const account = { user_id: 'user_1', provider: 'google', external_account_id: 'eac_1', token: 'invented-token-1' }
  const imported = await run(['vault', 'import', '-'], { cwd, input: JSON.stringify(account) })
  expect(imported).toMatchObject({ code: 0, stdout: '1 record: 1 added, 0 changed, 0 unchanged.\n' })
  const listed = await run(['vault', 'list', '--user', 'user_1'], { cwd })
  expect(listed.stdout).toContain('eac_1')
  expect(listed.stdout + listed.stderr).not.toContain('invented-token-1')
  await using server = start(['serve', '--port', '0'], { cwd })
  const [, url = ''] = await server.seen(/graph\s+(http:\S+)/)
  const key = readFileSync(join(cwd, 'data/dev.key'), 'utf8').trim()
  expect(await ask(url, key, '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }')).toEqual({
    data: { user: { oauth_access_tokens: [{ token: 'invented-token-1' }] } },
  })
  const removed = await run(['vault', 'remove', '--user', 'user_1'], { cwd })
  expect(removed).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^1 account removed\.\n1 grant not revoked: no client/),
  })
})
