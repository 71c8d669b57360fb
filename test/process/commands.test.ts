/** The small commands, as processes: the version, the health of a running server, variables in a file. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { run, start } from '../kit/process.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

it('prints its version, and that of Node', async () => {
  using folder = makeFolder()
  const { code, stdout } = await run(['--version'], { cwd: folder.path })
  expect({ code, stdout }).toEqual({ code: 0, stdout: `tokengraph ${version} (Node ${process.version})\n` })
})

it('a server on a free port says which, to the log and to /ready, and `health` finds it ready, and gone', async () => {
  using folder = makeFolder()
  const file = folder.write(
    'tokengraph.yaml',
    JSON.stringify({
      listen: { host: '127.0.0.1', port: 0 },
      upstreams: { vault: { platform: 'vault', path: 'v.sqlite', keys: [{ id: 'k1', secret: '${RING}' }] } },
      auth: { services: [{ id: 'test', key_sha256: 'ab'.repeat(32) }] },
      audit: { sink: 'none' },
      unready_seconds: 0,
    }),
  )
  const secret = folder.write('ring', 'invented-ring-secret-0123456789-abcdef\n')
  const variables = folder.write('variables.env', `# for the test\nRING_FILE="${secret}"\nLOG_LEVEL=error\n`)
  // What is set already stays as it is.
  const env = { LOG_LEVEL: 'info' }
  const args = ['--env-file', variables, 'serve', '--config', file]
  await using server = start(args, { cwd: folder.path, env })
  const [, url = ''] = await server.seen(/"url":"(http:[^"]+)"/)
  expect(JSON.stringify(await server.seen(/"version":"[^"]+"/))).toContain(version)
  const ready = (await (await fetch(`${url}/ready`)).json()) as { port: number }
  expect(ready.port).toBe(Number(new URL(url).port))
  expect(await run(['health', '--url', url], { cwd: folder.path })).toMatchObject({ code: 0, stdout: 'ready\n' })
  const configured = folder.write(
    'address.yaml',
    readFileSync(file, 'utf8').replace('"port":0', `"port":${String(ready.port)}`),
  )
  const asked = ['health', '--config', configured, '--env-file', variables]
  expect(await run(asked, { cwd: folder.path })).toMatchObject({ code: 0, stdout: 'ready\n' })
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
  const gone = await run(asked, { cwd: folder.path })
  expect(gone).toMatchObject({ code: 1, stdout: '' })
  expect(gone.stderr).toBe(
    `Nothing answers at ${url}: nothing listens there. Start the server, or name its address with --url.\n`,
  )
})

it('an env file that is not there is named, and nothing starts', async () => {
  using folder = makeFolder()
  const { code, stdout, stderr } = await run(['check-config', '--env-file', 'nowhere.env'], { cwd: folder.path })
  // Node reads the option as well, wherever it stands, and is the first to say so.
  expect(code).not.toBe(0)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/nowhere\.env: not found|nowhere\.env {2}cannot be read: not found/)
})

it('prints the JSON Schema of the configuration', async () => {
  using folder = makeFolder()
  const { code, stdout } = await run(['config', 'schema'], { cwd: folder.path })
  const committed = readFileSync(new URL('../../tokengraph.schema.json', import.meta.url), 'utf8')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual(JSON.parse(committed))
})

it('writes a configuration that a server starts with, and whose key reads what is put in', async () => {
  using folder = makeFolder()
  const cwd = folder.path
  const made = await run(['init', '--service', 'calendar-sync'], { cwd })
  expect(made.code).toBe(0)
  const [key = ''] = /tgk_\S+/.exec(made.stdout) ?? []
  const common = ['--config', 'tokengraph.yaml', '--env-file', 'tokengraph.env']
  expect((await run(['check-config', ...common], { cwd })).code).toBe(0)
  const input = '{"user_id":"u1","provider":"google","external_account_id":"a","token":"invented-at"}'
  expect((await run(['vault', 'import', '-', ...common], { cwd, input })).code).toBe(0)
  await using server = start(['serve', '--port', '0', ...common], { cwd })
  const [, url = ''] = await server.seen(/"url":"(http:[^"]+)"/)
  const query = '{ user(id: "u1") { oauth_access_tokens(provider: "google") { token } } }'
  const response = await fetch(`${url.replace('0.0.0.0', '127.0.0.1')}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  })
  expect(await response.json()).toEqual({ data: { user: { oauth_access_tokens: [{ token: 'invented-at' }] } } })
  const again = await run(['init'], { cwd })
  expect(again).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('tokengraph.yaml is there already, and nothing was written.') as string,
  })
})
