/** Runs the commands of a page as a reader does: in one folder, in order, in a shell. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/load.ts'
import { writeLog } from '../../src/log.ts'
import { startServer } from '../../src/main.ts'
import { builtCommand } from '../kit/built.ts'
import { makeFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { keepOutput } from '../kit/keep-output.ts'
import { completeConfig, inventEnvironment, ownerOf } from './configurations.ts'
import { readPage, root } from './pages.ts'
import type { Page } from './pages.ts'

/** Commands that cannot run here, with the reason; a program that notes its name takes their place. */
export const skipped: Readonly<Record<string, string>> = {
  'npm ci': 'it would replace the packages under the running tests',
  'npm test': 'it is what runs this test',
  npx: 'it asks a registry; scripts/walk.ts runs the package',
  docker: 'no container engine runs here; test/supply-chain and test/deploy hold what it would build and run',
  helm: 'not installed; test/deploy holds what it rendered',
  pg_dump: 'that of the machine may be older than the server that the tests bring',
  pg_restore: 'as pg_dump',
  kubectl: 'no cluster runs here; test/deploy holds the manifests',
  'graphql-inspector': 'not installed; its core is, and test/tools compares with that',
  'hive-gateway': 'not installed; its runtime is, and examples/supergraph runs that',
}

const cli = builtCommand()

/** `npm start` and `npm run` start what package.json says, in the folder of the page and on a free port. */
const npm = `#!/bin/bash
case "$1" in
  ci|test) echo "npm $1" >> "$SKIPPED"; exit 0 ;;
  start) name=start; shift ;;
  run) shift; [ "$1" = -s ] && shift; name=$1; shift ;;
  sbom) PATH=\${PATH#*:} exec npm "$@" ;;
  *) echo "npm $1 has no way to run in a test" >&2; exit 1 ;;
esac
[ "$1" = -- ] && shift
script=$(node -p 'require("${root}package.json").scripts[process.argv[1]] ?? ""' "$name")
case "$script" in
  "node "*) ;;
  *) echo "npm run $name has no way to run in a test" >&2; exit 1 ;;
esac
case "$name" in start|example:*) set -- "$@" --port 0 ;; esac
# Its files, from the repository; the working directory is the reader's.
for word in \${script#node }; do
  if [ -e "${root}$word" ]; then words+=("${root}$word"); else words+=("$word"); fi
done
exec node "\${words[@]}" "$@"
`

const account = { user_id: 'user_1', provider: 'google', external_account_id: 'eac_1', token: 'invented-token-1' }

export interface Ran {
  /** null for a server, which keeps running. */
  readonly code: number | null
  readonly output: string
}

export interface Shell extends AsyncDisposable {
  run(text: string): Promise<Ran>
  /** The commands of `skipped` that were met so far. */
  met(): readonly string[]
}

const listening = /"url":"(http:[^"]+)".*"msg":"listening"|page is at (http:\S+);|page +(http:\S+)\s[^]*curl/

/** The first configuration that the page shows. */
function configOf(page: Page): string | undefined {
  return page.blocks.find((block) => block.language === 'yaml' && ownerOf(block) === 'tokengraph')?.text
}

/** Fills the audit file of the configuration, where there is one, by running a server. */
async function leaveRecords(folder: Folder, config: Config): Promise<void> {
  if (config.audit.sink !== 'file') return
  const audit = { ...config.audit, path: join(folder.path, config.audit.path) }
  // The content of the vault does not matter, and its path is relative to the reader's folder.
  const upstreams = config.upstreams.filter(({ platform }) => platform !== 'vault')
  const log = writeLog('silent', { write: () => undefined })
  const server = await startServer({ ...config, audit, upstreams, listen: { host: '127.0.0.1', port: 0 } }, { log })
  const query = '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }'
  const headers = { 'content-type': 'application/json' }
  await (await fetch(`${server.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })).text()
  await server.stop()
}

/** Runs in a folder with the configuration that the page shows, or that of docs/configuration.md. */
export async function openShell(page: Page): Promise<Shell> {
  const folder = makeFolder()
  const bin = join(folder.path, '.bin')
  mkdirSync(bin)
  cpSync(join(root, 'deploy'), join(folder.path, 'deploy'), {
    recursive: true,
    filter: (from) => !from.endsWith('/secrets'),
  })
  const command = (name: string, script: string): void => {
    chmodSync(folder.write(join('.bin', name), script), 0o700)
  }
  command('npm', npm)
  command('tokengraph', `#!/bin/bash\nexec node "${cli}" "$@"\n`)
  for (const name of Object.keys(skipped).filter((entry) => !entry.includes(' ')))
    command(name, `#!/bin/bash\necho "${name}" >> "$SKIPPED"\n`)

  const config = completeConfig(configOf(page) ?? configOf(readPage('docs/configuration.md')) ?? '')
  const file = folder.write('tokengraph.yaml', config)
  await leaveRecords(folder, loadConfig({ file, env: inventEnvironment(config) }))
  folder.write('accounts.ndjson', `${JSON.stringify(account)}\n`)
  const notes = join(folder.path, '.skipped')
  const env = {
    PATH: [bin, dirname(process.execPath), process.env.PATH].join(delimiter),
    NO_PROXY: '127.0.0.1',
    // What several pages start is compiled once.
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/commands'),
    SKIPPED: notes,
  }

  const servers: ChildProcess[] = []
  let host = '127.0.0.1:4000'

  async function run(text: string): Promise<Ran> {
    const script = text.replaceAll('127.0.0.1:4000', host).replaceAll('…', 'invented')
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: folder.path,
      // Only commands that read the file get its secrets: CLERK_SECRET_KEY by itself configures an upstream.
      env: script.includes('tokengraph.yaml') ? { ...env, ...inventEnvironment(config) } : env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const closed = once(child, 'close') as Promise<[number | null]>
    let output = ''
    const listens = new Promise<null>((resolve) => {
      const onText = (chunk: Buffer): void => {
        keepOutput(chunk)
        output += chunk.toString()
        const match = listening.exec(output)
        const url = match?.[1] ?? match?.[2] ?? match?.[3]
        if (url === undefined) return
        host = new URL(url).host.replace('0.0.0.0', '127.0.0.1')
        resolve(null)
      }
      child.stdout.on('data', onText)
      child.stderr.on('data', onText)
    })
    const code = await Promise.race([listens, closed.then(([exit]) => exit ?? -1)])
    if (code === null) servers.push(child)
    return { code, output }
  }

  return {
    run,
    met: () => (existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : []),
    async [Symbol.asyncDispose]() {
      for (const child of servers) {
        const closed = once(child, 'close')
        // Ends the process group: the shell and its children.
        if (child.exitCode === null && child.pid !== undefined) {
          process.kill(-child.pid, 'SIGTERM')
          await closed
        }
      }
      folder[Symbol.dispose]()
    },
  }
}
