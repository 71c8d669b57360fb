/** The small examples of embedding, each as its own process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { newServiceKey } from '../../src/auth/service-keys.ts'
import { testFolder } from '../kit/folder.ts'
import { everything } from '../kit/server.ts'
import { startClerk } from '../servers/clerk.ts'

const { key, key_sha256 } = newServiceKey()
const query = '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }'
const answered = { data: { user: { oauth_access_tokens: [{ token: 'invented-token' }] } } }
const example = (name: string): string => fileURLToPath(new URL(`../../examples/embedded/${name}`, import.meta.url))

/** A configuration over a local platform with one token. */
async function configure(audit: object = { sink: 'none' }): Promise<string> {
  const clerk = await startClerk()
  onTestFinished(() => clerk.close())
  clerk.addTokens('user_1', 'oauth_google', [{ token: 'invented-token' }])
  const auth = { services: [{ id: 'test', key_sha256, grants: everything }] }
  const file = join(testFolder().path, 'tokengraph.yaml')
  const upstreams = { clerk: clerk.options({}) }
  writeFileSync(file, JSON.stringify({ upstreams, auth, audit, log_level: 'silent' }))
  return file
}

async function start(name: string, config: string) {
  const child = spawn(process.execPath, [example(name), config, '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line = Buffer.alloc(0)] = (await Promise.race([once(child.stdout, 'data'), once(child.stdout, 'end')])) as [
    Buffer?,
  ]
  return {
    url: line.toString().trim(),
    stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

async function ask(url: string, headers: Record<string, string>, text = query): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query: text }),
  })
  return response.json()
}

test.each(['main.ts', 'fastify.ts'])('%s answers beside its own routes, and ends in order', async (name) => {
  const { url, stop } = await start(name, await configure())
  expect(await (await fetch(`${url}/`)).text()).toBe('my own application\n')
  expect(await ask(`${url}/graphql`, { authorization: `Bearer ${key}` })).toEqual(answered)
  expect((await fetch(`${url}/ready`)).status).toBe(200)
  // The limits are those of the graph, and not of the server around it.
  const tooLarge = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: ' '.repeat(1_100_000),
  })
  expect(tooLarge.status).toBe(413)
  expect(await stop()).toEqual([0, null])
})

test('route.ts answers requests of the Fetch API', async () => {
  const init = { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` } }
  const program = `import { POST } from ${JSON.stringify(example('route.ts'))}
const request = new Request('http://app.example/graphql', ${JSON.stringify({ ...init, body: JSON.stringify({ query }) })})
process.stdout.write(await (await POST(request)).text(), () => process.exit())`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: dirname(await configure()),
  })
  const ended = once(child, 'exit')
  expect(JSON.parse(Buffer.concat((await child.stdout.toArray()) as Buffer[]).toString())).toEqual(answered)
  expect(await ended).toEqual([0, null])
})

test('yoga.ts has both schemas, and its own users', async () => {
  const { url, stop } = await start('yoga.ts', await configure())
  const graphql = `${url}/graphql`
  expect(await ask(graphql, {}, '{ hello }')).toEqual({ data: { hello: 'my own field' } })
  expect(await ask(graphql, { 'x-user': 'user_1' })).toMatchObject(answered)
  expect(await ask(graphql, { 'x-user': 'user_2' })).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] })
  expect(await ask(graphql, {})).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
  expect(await stop()).toEqual([0, null])
})
