/**
 * Measures what one request runs through: files and named functions of src/ that are executed between the request and
 * its answer, by V8's precise coverage. Prints one row for each of a Clerk token, a vault token and a denied read.
 *
 *   node scripts/measure-path.ts [--files]
 */
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startClerk } from '../test/servers/clerk.ts'
import { account, inSeconds, startGraphOverVault } from '../test/graph/vault.ts'
import { makeFolder } from '../test/kit/folder.ts'
import { startTestServer } from '../test/kit/server.ts'

const { values: flags } = parseArgs({ options: { files: { type: 'boolean', default: false } } })
const root = new URL('../', import.meta.url).href
const query = `query ($id: ID!) { user(id: $id) { oauth_access_tokens(provider: "google") { token expires_at scopes } } }`

const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })

/** Runs `request` once to warm what is made once, then again under measurement. */
async function measure(name: string, request: (user: string) => Promise<unknown>): Promise<void> {
  await request('user_1')
  await session.post('Profiler.takePreciseCoverage') // resets the counts
  await request('user_2')
  const { result } = await session.post('Profiler.takePreciseCoverage')
  const own = result
    .filter(({ url }) => url.startsWith(`${root}src/`))
    .map(({ url, functions }) => ({
      file: url.slice(root.length),
      // The first entry of a module is the module itself.
      names: functions.filter(({ functionName, ranges }) => functionName !== '' && (ranges[0]?.count ?? 0) > 0),
    }))
    .filter(({ names }) => names.length > 0)
  const folders = new Map<string, number>()
  for (const { file } of own) {
    const folder = file.split('/').slice(1, -1).join('/') || '.'
    folders.set(folder, (folders.get(folder) ?? 0) + 1)
  }
  const functions = own.reduce((sum, { names }) => sum + names.length, 0)
  console.log(`${name}: ${own.length} files, ${functions} named functions`)
  console.log(`  ${[...folders].map(([folder, count]) => `${folder} ${count}`).join(', ')}`)
  if (flags.files) for (const { file } of own) console.log(`  ${file}`)
}

const clerk = await startClerk()
for (const user of ['user_1', 'user_2']) clerk.addTokens(user, 'oauth_google', 1)
{
  using folder = makeFolder()
  await using server = await startTestServer({
    file: {
      upstreams: { clerk: { platform: 'clerk', secret_key: clerk.secret_key, base_url: clerk.url } },
      audit: { sink: 'file', path: join(folder.path, 'audit.ndjson'), key: 'invented-audit-key-0123456789-abcdef' },
    },
  })
  const ask = (bearer: string | null) => async (id: string) => {
    const { errors = [] } = await server.ask(query, { variables: { id }, bearer })
    if ((bearer === null) === (errors.length === 0))
      throw new Error(`unexpected answer: ${errors[0]?.message ?? 'none'}`)
  }
  await measure('one token over Clerk, audit to a file', ask(server.key))
  await measure('a denied read', ask(null))
}
await clerk.close()
{
  const expires_at = inSeconds(3600)
  await using graph = await startGraphOverVault(
    ['user_1', 'user_2'].map((user) => account(user, 'oauth_google', { expires_at })),
  )
  await measure('one token out of the vault', async (id) => {
    const { errors = [] } = await graph.server.ask(query, { variables: { id } })
    if (errors.length > 0) throw new Error(`unexpected answer: ${errors[0]?.message ?? ''}`)
  })
}
