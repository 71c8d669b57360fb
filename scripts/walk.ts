/**
 * `npm run walk`: four people use the packed package, from an empty folder: a newcomer, a frontend developer, a backend
 * developer and a platform engineer. Each step says what it does, and the first that fails ends the walk.
 *
 *   node scripts/walk.ts [--node 22.19.0 --node 26.10.0] [--tarball FILE] [--linked]
 *
 * `--node` walks under other versions of Node, which come from the npm registry; `--tarball` is packed already; `--linked` takes the dependencies of the
 * repository in the place of the registry's, for tests.
 */
import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { buildClientSchema, buildSchema } from 'graphql'
import type { IntrospectionQuery } from 'graphql'
import { install, installNode, pack } from './install-package.ts'
import type { Walker } from './install-package.ts'

const run = promisify(execFile)
const { values: flags } = parseArgs({
  options: {
    node: { type: 'string', multiple: true, default: [] },
    linked: { type: 'boolean', default: false },
    tarball: { type: 'string' },
  },
})
/** Milliseconds that a server may take to say where it listens. */
const START_MS = 30_000

const home = mkdtempSync(join(tmpdir(), 'tokengraph-walk-'))
const servers = new Set<ChildProcess>()
process.once('exit', () => {
  for (const server of servers) server.kill('SIGKILL')
  rmSync(home, { recursive: true, force: true })
})

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

async function step(name: string, work: () => Promise<string> | string): Promise<void> {
  try {
    console.log(`  ${name}: ${await work()}`)
  } catch (error) {
    console.error(`  ${name}: FAILED`)
    throw error
  }
}

function type({ node, project, command }: Walker, ...args: readonly string[]) {
  return run(node, [command, ...args], { cwd: project, env: { PATH: process.env.PATH }, maxBuffer: 64 * 1024 * 1024 })
}

interface Serving {
  readonly url: string
  readonly banner: string
  /** Everything that it printed so far. */
  printed(): string
  signal(name: NodeJS.Signals): void
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>
}

async function serve({ node, project, command }: Walker, ...args: readonly string[]): Promise<Serving> {
  const child = spawn(node, [command, 'serve', '--port', '0', ...args], {
    cwd: project,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  servers.add(child)
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  const ended = once(child, 'exit').then(([code]) => {
    servers.delete(child)
    return code as number | null
  })
  await until(() => printed.includes('"msg":"listening"') || child.exitCode !== null, 'the server listens')
  // Production listens on every address.
  const [, port = ''] = /"url":"http:\/\/[\d.]+:(\d+)"/.exec(printed) ?? []
  must(port !== '', `no address in: ${printed}`)
  return {
    url: `http://127.0.0.1:${port}`,
    banner: printed,
    printed: () => printed,
    signal: (name) => child.kill(name),
    ended,
  }
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const began = performance.now()
  while (!holds()) {
    must(performance.now() - began < START_MS, `it takes too long until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

interface Answer {
  readonly data?: Readonly<Record<string, unknown>> | null
  readonly errors?: readonly { readonly message: string; readonly extensions: Readonly<Record<string, unknown>> }[]
}

async function ask(url: string, key: string | null, query: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key !== null && { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: JSON.stringify({ query }),
  })
  return { status: response.status, ...((await response.json()) as Answer) }
}

async function newcomer(walker: Walker): Promise<void> {
  console.log(' A newcomer')
  await step('asks for the version', async () => (await type(walker, '--version')).stdout.trim())
  const first = await serve(walker)
  const key = readFileSync(join(walker.project, 'data/dev.key'), 'utf8').trim()
  await step('starts without a configuration', () => {
    must(first.banner.includes('development mode') && first.banner.includes(key), first.banner)
    return `${first.url}, with a key and a first query`
  })
  await step('opens /', async () => {
    const response = await fetch(first.url, { headers: { accept: 'text/html' } })
    const page = await response.text()
    must(response.url.endsWith('/graphql') && page.includes('<html'), `${response.url}: ${page.slice(0, 200)}`)
    return 'is led to a page'
  })
  await step('sends the query of the banner', async () => {
    const [, text = ''] = /-d '(\{.*\})'/.exec(first.banner) ?? []
    const { query } = JSON.parse(text) as { query: string }
    const { data, errors } = await ask(first.url, key, query)
    const { oauth_access_tokens: tokens = [] } = (data?.user ?? {}) as { oauth_access_tokens?: readonly object[] }
    must(errors === undefined && tokens.length > 0, JSON.stringify(errors))
    return `${String(tokens.length)} tokens`
  })
  await step('stops with Ctrl-C, and comes back', async () => {
    first.signal('SIGINT')
    must((await first.ended) === 0, 'another exit code than 0')
    const second = await serve(walker)
    must(second.banner.includes(key), 'another key')
    second.signal('SIGINT')
    await second.ended
    must(readFileSync(join(walker.project, 'data/.gitignore'), 'utf8') === '*\n', 'data could be committed')
    return 'the same key, which git ignores'
  })
}

async function frontendDeveloper(walker: Walker): Promise<void> {
  console.log(' A frontend developer')
  await step('prints the schema for code generation', async () => {
    const schema = buildSchema((await type(walker, 'schema')).stdout)
    const fields = Object.keys(
      (schema.getType('OAuthAccessToken') as unknown as { toConfig(): { fields: object } }).toConfig().fields,
    )
    must(
      ['token', 'expires_at', 'scopes', 'public_metadata'].every((name) => fields.includes(name)),
      fields.join(),
    )
    return `OAuthAccessToken with ${String(fields.length)} fields`
  })
  await step('prints an introspection result', async () => {
    const { stdout } = await type(walker, 'schema', '--introspection')
    const result = JSON.parse(stdout) as { data?: IntrospectionQuery } & IntrospectionQuery
    return `${String(Object.keys(buildClientSchema(result.data ?? result).getTypeMap()).length)} types`
  })
  const server = await serve(walker)
  const key = readFileSync(join(walker.project, 'data/dev.key'), 'utf8').trim()
  await step('calls from a page of another origin', async () => {
    const { status, errors } = await ask(server.url, key, '{ __typename }', { origin: 'http://localhost:3000' })
    must(status === 403 && (errors?.[0]?.message.includes('cors.origins') ?? false), `status ${String(status)}`)
    return `${String(status)}, ${errors?.[0]?.message ?? ''}`
  })
  await step('asks where a user stands', async () => {
    const query = '{ user(id: "user_demo") { oauth_connections { provider status } } }'
    const { data, errors } = await ask(server.url, key, query)
    must(errors === undefined, JSON.stringify(errors))
    return JSON.stringify(data?.user)
  })
  server.signal('SIGTERM')
  must((await server.ended) === 0, 'another exit code than 0')
}

async function backendDeveloper(walker: Walker): Promise<void> {
  console.log(' A backend developer')
  const { project } = walker
  await step(
    'writes a configuration',
    async () => (await type(walker, 'init', '--service', 'sync')).stdout.split('\n')[0] ?? '',
  )
  await step('imports accounts', async () => {
    const row = (user: string) => ({
      user_id: user,
      provider: 'google',
      external_account_id: 'a1',
      token: `invented-${user}`,
    })
    writeFileSync(
      join(project, 'accounts.ndjson'),
      ['u1', 'u2'].map((user) => `${JSON.stringify(row(user))}\n`).join(''),
    )
    return (await type(walker, 'vault', 'import', 'accounts.ndjson', ...common)).stdout.trim()
  })
  writeFileSync(
    join(project, 'read.js'),
    `const response = await fetch(process.argv[2] + '/graphql', {
  method: 'POST',
  headers: { authorization: 'Bearer ' + process.argv[3], 'content-type': 'application/json' },
  body: JSON.stringify({
    query: 'query Live($user: ID!) { oauth_access_tokens(user_id: $user, provider: "google") { token expires_at } }',
    variables: { user: 'u1' },
  }),
})
const { data, errors } = await response.json()
console.log(errors ? errors[0].extensions.code : data.oauth_access_tokens[0].token)
`,
  )
  const key = await newKey(walker)
  const server = await serve(walker, ...common)
  await step('reads a live token from a script', async () => {
    const { stdout } = await run(walker.node, ['read.js', server.url, key], { cwd: project })
    must(stdout === 'invented-u1\n', stdout)
    return 'the token of u1'
  })
  await step('asks without a key, and for a provider that nobody serves', async () => {
    const anonymous = await ask(
      server.url,
      null,
      '{ oauth_access_tokens(user_id: "u1", provider: "google") { token } }',
    )
    must(anonymous.errors?.[0]?.extensions.code === 'UNAUTHENTICATED', JSON.stringify(anonymous))
    const none = await ask(server.url, key, '{ oauth_access_tokens(user_id: "u3", provider: "google") { token } }')
    must(JSON.stringify(none.data) === '{"oauth_access_tokens":[]}', JSON.stringify(none))
    return 'UNAUTHENTICATED, and an empty list'
  })
  server.signal('SIGTERM')
  must((await server.ended) === 0, 'another exit code than 0')
}

const common = ['--config', 'tokengraph.yaml', '--env-file', 'tokengraph.env']

/** The key that `init` printed is shown once: another one takes its place in the file. */
async function newKey(walker: Walker): Promise<string> {
  const { stdout } = await type(walker, 'keys', 'new', '--id', 'sync')
  const [key = ''] = /tgk_\S+/.exec(stdout) ?? []
  const [digest = ''] = /\b[0-9a-f]{64}\b/.exec(stdout) ?? []
  const file = join(walker.project, 'tokengraph.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/key_sha256: [0-9a-f]{64}/, `key_sha256: ${digest}`))
  return key
}

async function platformEngineer(walker: Walker): Promise<void> {
  console.log(' A platform engineer')
  const { project } = walker
  const file = join(project, 'tokengraph.yaml')
  await step('puts a key into a file of its own', () => {
    const [, audit = ''] =
      /^TOKENGRAPH_AUDIT_KEY=(.+)$/m.exec(readFileSync(join(project, 'tokengraph.env'), 'utf8')) ?? []
    writeFileSync(join(project, 'audit.key'), `${audit}\n`, { mode: 0o600 })
    writeFileSync(
      file,
      `${readFileSync(file, 'utf8').replace('${TOKENGRAPH_AUDIT_KEY}', '${file:audit.key}')}\nunready_seconds: 0\n`,
    )
    return '${file:audit.key}'
  })
  await step(
    'checks the configuration',
    async () => (await type(walker, 'check-config', ...common)).stdout.split('\n')[0] ?? '',
  )
  await step('checks a mistake', async () => {
    writeFileSync(join(project, 'bad.yaml'), 'listens: { port: 1 }\n')
    const failed = (await type(walker, 'check-config', '--config', 'bad.yaml').catch((error: unknown) => error)) as {
      code?: number
      stderr?: string
    }
    must(failed.code === 1 && (failed.stderr ?? '').includes('did you mean "listen"'), JSON.stringify(failed))
    return 'exit code 1, with its line'
  })
  const key = await newKey(walker)
  const server = await serve(walker, ...common)
  await step('probes it', async () => {
    const ready = await (await fetch(`${server.url}/ready`)).text()
    must(ready.includes('"status":"ready"'), ready)
    return (await type(walker, 'health', '--url', server.url)).stdout.trim()
  })
  await step('reads a token, and takes the right away on SIGHUP', async () => {
    const query = '{ oauth_access_tokens(user_id: "u1", provider: "google") { token } }'
    must((await ask(server.url, key, query)).errors === undefined, 'it could not be read')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace("users: ['*']", 'users: [u2]'))
    server.signal('SIGHUP')
    await until(() => server.printed().includes('configuration reloaded'), 'the configuration is reloaded')
    const { errors } = await ask(server.url, key, query)
    must(errors?.[0]?.extensions.code === 'FORBIDDEN', JSON.stringify(errors))
    return 'FORBIDDEN from then on'
  })
  await step('stops it with SIGTERM', async () => {
    server.signal('SIGTERM')
    const code = await server.ended
    must(code === 0, `exit code ${String(code)}`)
    must(!server.printed().includes('invented-u1'), 'a token is in the log')
    return 'exit code 0, and no token in the log'
  })
  await step('verifies the audit', async () => {
    must(existsSync(join(project, 'data/audit.ndjson')), 'there is no audit')
    return (await type(walker, 'audit', 'verify', ...common)).stdout.split('\n')[0] ?? ''
  })
}

const versions = flags.node.length === 0 ? [null] : flags.node
const tarball = flags.tarball ?? (await pack(home))
for (const version of versions) {
  const node = version === null ? process.execPath : await installNode(home, version)
  console.log(`Node ${(await run(node, ['--version'])).stdout.trim()}`)
  const walker = await install(tarball, node, join(home, `project-${version ?? 'present'}`), flags.linked)
  for (const person of [newcomer, frontendDeveloper, backendDeveloper, platformEngineer]) await person(walker)
}
console.log('Everybody got there.')
