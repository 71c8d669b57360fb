/**
 * A release in one command: `npm run release`. Turns the changesets and what CHANGELOG.md has under "Unreleased" into
 * a version, commits it and tags the commit. Nothing leaves this machine: the last line says what to push.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const CHANGELOG = 'CHANGELOG.md'
const UNRELEASED = '## Unreleased\n'

function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
}

function refuse(reason: string): never {
  console.error(`release: ${reason}`)
  process.exit(1)
}

const readVersion = (): string => (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version

/** npm keeps the version in the lockfile twice; changesets does not know about it. */
function writeLockfileVersion(version: string): void {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    version: string
    packages: Record<string, { version: string }>
  }
  const own = lock.packages['']
  if (own === undefined) throw new Error('package-lock.json does not list this package')
  lock.version = own.version = version
  writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
}

/**
 * The section of the new version: below the introduction, with what was written under "Unreleased" and then what the
 * changesets say.
 */
function arrangeChangelog(changelog: string, heading: string, fromChangesets: string): string {
  const at = changelog.indexOf(UNRELEASED)
  const firstSection = changelog.indexOf('\n## ')
  const introEnd = at !== -1 ? at : firstSection === -1 ? changelog.length : firstSection
  const rest = changelog.slice(at === -1 ? introEnd : at + UNRELEASED.length)
  const nextSection = at === -1 ? 0 : rest.indexOf('\n## ')
  const written = nextSection === -1 ? rest : rest.slice(0, nextSection)
  const older = nextSection === -1 ? '' : rest.slice(nextSection)
  const parts = [changelog.slice(0, introEnd), heading, written, fromChangesets, older].map((part) => part.trim())
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

/** Lets changesets choose the version and write a changelog that has nothing else; returns the text below its heading. */
function applyChangesets(): string {
  writeFileSync(CHANGELOG, '# Changes\n')
  run('changeset', 'version')
  return readFileSync(CHANGELOG, 'utf8').replace(/^# .*\n+## .*\n/, '')
}

if (run('git', 'status', '--porcelain') !== '') refuse('commit or remove what has changed first')
if (run('git', 'branch', '--show-current') !== 'main') refuse('releases are made on main')

const changesets = readdirSync('.changeset').filter((name) => name.endsWith('.md') && name !== 'README.md')
const isTagged = run('git', 'tag', '--list', `v${readVersion()}`) !== ''
if (changesets.length === 0 && isTagged) refuse('there is no changeset: `npx changeset` writes one')

const changelog = readFileSync(CHANGELOG, 'utf8')
// The first release has the version that package.json says.
const fromChangesets = changesets.length === 0 ? '' : applyChangesets()
const version = readVersion()
writeLockfileVersion(version)
const today = new Date().toISOString().slice(0, 10)
writeFileSync(CHANGELOG, arrangeChangelog(changelog, `## ${version} (${today})`, fromChangesets))

run('git', 'add', '--all')
run('git', 'commit', '--message', `chore(release): v${version}`)
run('git', 'tag', '--annotate', `v${version}`, '--message', `tokengraph ${version}`)
console.log(`Released v${version} on this machine. To publish it: git push --follow-tags`)
