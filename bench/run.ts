/**
 * `npm run bench`: tokengraph beside other servers, on this machine, for about ten minutes. Keeps the result and renews
 * docs/performance.md from it. Machines are shared and noisy: compare the figures of one section with each other, not
 * with those of another run.
 *
 * `npm run bench -- servers guards keys start` measures the sections that are named, `--seconds N` is the length of each
 * load, and `--short` prints the six ratios that matter in less than a minute and keeps nothing.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startPostgres } from '../test/servers/postgres.ts'
import { installPeers, root } from './processes.ts'
import { performanceParts, readResult, resultFile } from './report.ts'
import { sections } from './sections.ts'
import { runShort } from './short.ts'
import { fillVault, startOutside } from './tokengraph.ts'

/** Many and short: a disturbance of the machine meets a few of them. */
const ROUNDS = 9
const DATABASE = 'bench'

function runToEnd(...[command, ...args]: readonly [string, ...string[]]): void {
  if (spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status !== 0) throw new Error(`${command} failed`)
}

async function runSections(names: readonly (keyof typeof sections)[], seconds: number): Promise<void> {
  await using postgres = names.includes('guards') ? await startPostgres() : null
  if (postgres !== null) {
    await postgres.createDatabase(DATABASE)
    await fillVault({ database_url: postgres.url(DATABASE) }, 100)
  }
  await using outside = await startOutside(postgres?.url(DATABASE) ?? null)
  const rounds = { count: ROUNDS, seconds, warmSeconds: Math.max(1, seconds) }
  for (const name of names) {
    const result = { ...(existsSync(resultFile) ? readResult() : {}), [name]: await sections[name](rounds, outside) }
    mkdirSync(new URL('.', resultFile), { recursive: true })
    writeFileSync(resultFile, `${JSON.stringify(result, null, 2)}\n`)
    console.log(`\n${performanceParts[`performance ${name}`]?.() ?? ''}`)
  }
  runToEnd('node', 'scripts/docs.ts')
}

const { values, positionals } = parseArgs({
  options: { short: { type: 'boolean', default: false }, seconds: { type: 'string', default: '1' } },
  allowPositionals: true,
})
const known = Object.keys(sections) as (keyof typeof sections)[]
const unknown = positionals.find((name) => !known.some((each) => each === name))
if (unknown !== undefined) throw new Error(`there is no section ${unknown}; there is ${known.join(', ')}`)

await installPeers()
runToEnd('node', 'scripts/build.ts', '--no-types')
if (values.short) await runShort()
else
  await runSections(
    positionals.length === 0 ? known : known.filter((name) => positionals.includes(name)),
    Number(values.seconds),
  )
