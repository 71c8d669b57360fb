/** The library: the graph inside of another server, and platforms of one's own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import acme from '../../examples/embedded/acme.ts'
import { newServiceKey } from '../../src/auth/service-keys.ts'
import { ConfigError, createTokengraph } from '../../src/index.ts'
import type { Tokengraph, TokengraphOptions } from '../../src/index.ts'
import { writeLog } from '../../src/log.ts'
import { testFolder } from '../kit/folder.ts'
import { keepOutput } from '../kit/keep-output.ts'
import { everything } from '../kit/server.ts'
import { startClerk } from '../servers/clerk.ts'

const query = '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }'
const { key, key_sha256 } = newServiceKey()
const common = { auth: { services: [{ id: 'test', key_sha256, grants: everything }] }, audit: { sink: 'none' } }

async function open(options: TokengraphOptions): Promise<Tokengraph> {
  const log = writeLog('debug', { write: keepOutput })
  const opened = await createTokengraph({ log, ...options })
  onTestFinished(() => opened.close())
  return opened
}

const post = (body: unknown, bearer = key): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
  body: JSON.stringify(body),
})

async function overClerk() {
  const clerk = await startClerk()
  onTestFinished(() => clerk.close())
  clerk.addTokens('user_1', 'oauth_google', [{ token: 'invented-token' }])
  return { upstreams: { clerk: clerk.options({}) }, ...common }
}

const answered = { data: { user: { oauth_access_tokens: [{ token: 'invented-token' }] } } }

test('answers as a handler of node:http, beside the routes of an application', async () => {
  const tokengraph = await open({ config: await overClerk() })
  const server = createServer((request, response) => {
    if (request.url === '/mine') response.end('mine')
    else tokengraph.node(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  expect(await (await fetch(`${url}/mine`)).text()).toBe('mine')
  for (let round = 0; round < 4; round++)
    expect(await (await fetch(`${url}/graphql`, post({ query }))).json()).toEqual(answered)
  // The same door.
  expect((await fetch(`${url}/graphql`, post({ query }, 'no-such-key'))).status).toBe(401)
  expect((await fetch(`${url}/graphql?query={me{id}}`)).status).toBe(405)
  expect((await fetch(`${url}/elsewhere`)).status).toBe(404)
  expect((await fetch(`${url}/ready`)).status).toBe(200)
  tokengraph.setUnready()
  expect((await fetch(`${url}/ready`)).status).toBe(503)
})

test('answers as a function of the Fetch API', async () => {
  const tokengraph = await open({ config: await overClerk() })
  const ask = async (init: RequestInit) => tokengraph.fetch(new Request('http://app.example/graphql', init))
  expect(await (await ask(post({ query }))).json()).toEqual(answered)
  expect((await ask(post({ query }, 'no-such-key'))).status).toBe(401)
  expect((await ask({ method: 'GET' })).status).toBe(405)
})

test('reads a file, with its variables', async () => {
  const file = join(testFolder().path, 'tokengraph.yaml')
  const { upstreams, ...rest } = await overClerk()
  const clerk = { ...upstreams.clerk, secret_key: '${KEY}' }
  writeFileSync(file, JSON.stringify({ upstreams: { clerk }, ...rest }))
  const tokengraph = await open({
    config: file,
    env: { KEY: (upstreams.clerk as { secret_key: string }).secret_key },
  })
  const response = await tokengraph.fetch(new Request('http://app.example/graphql', post({ query })))
  expect(await response.json()).toEqual(answered)
})

test('lists every mistake of the configuration, with its place', async () => {
  const opening = createTokengraph({ config: { upstreams: { a: { platform: 'clerks' } }, listen: { port: 'x' } } })
  await expect(opening).rejects.toBeInstanceOf(ConfigError)
  await expect(opening).rejects.toThrow(/upstreams\.a\.platform .*did you mean "clerk"/)
  await expect(opening).rejects.toThrow(/listen\.port/)
})

test('the example answers beside its own routes, and ends in order', async () => {
  const file = join(testFolder().path, 'tokengraph.yaml')
  writeFileSync(file, JSON.stringify({ ...(await overClerk()), log_level: 'silent' }))
  const main = fileURLToPath(new URL('../../examples/embedded/main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, file, '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const url = line.toString().trim()
  expect(await (await fetch(`${url}/`)).text()).toBe('my own application\n')
  expect(await (await fetch(`${url}/graphql`, post({ query }))).json()).toEqual(answered)
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})

describe('a platform of one’s own', () => {
  const upstream = { greeting: 'hello' }
  const expected = { data: { user: { oauth_access_tokens: [{ token: 'hello-user_1' }] } } }
  const ask = async (tokengraph: Tokengraph) =>
    (await tokengraph.fetch(new Request('http://app.example/graphql', post({ query })))).json() as Promise<unknown>

  test('in code', async () => {
    const config = { upstreams: { own: { platform: 'acme', ...upstream } }, ...common }
    expect(await ask(await open({ config, platforms: { acme } }))).toEqual(expected)
  })

  test('by its path, relative to the file of the configuration', async () => {
    const folder = testFolder().path
    const source = fileURLToPath(new URL('../../examples/embedded/acme.ts', import.meta.url))
    writeFileSync(join(folder, 'acme.ts'), `export { default } from ${JSON.stringify(pathToFileURL(source).href)}\n`)
    const file = join(folder, 'tokengraph.yaml')
    writeFileSync(file, JSON.stringify({ upstreams: { own: { platform: './acme.ts', ...upstream } }, ...common }))
    expect(await ask(await open({ config: file, env: {} }))).toEqual(expected)
    // Its options are checked as those of any other.
    writeFileSync(file, JSON.stringify({ upstreams: { own: { platform: './acme.ts', greetings: 'x' } }, ...common }))
    await expect(open({ config: file, env: {} })).rejects.toThrow(/upstreams\.own\.greeting/)
  })

  test.each([
    ['is not there', './nowhere.ts', null, 'there is no module ./nowhere.ts'],
    ['fails', './bad.ts', 'throw new RangeError("invented")', 'the module ./bad.ts cannot be loaded'],
    ['exports something else', './bad.ts', 'export default { open: 1 }', 'the module ./bad.ts exports no platform'],
  ])('that %s is a mistake with its place', async (_, platform, text, message) => {
    const folder = testFolder().path
    if (text !== null) writeFileSync(join(folder, platform), text)
    const file = join(folder, 'tokengraph.yaml')
    writeFileSync(file, `upstreams:\n  own:\n    platform: ${platform}\nauth: { services: [] }\n`)
    const error: unknown = await open({ config: file, env: {} }).catch((reason: unknown) => reason)
    expect((error as Error).message).toContain(`3:15  upstreams.own.platform  ${message}`)
  })
})
