/**
 * Fills the generated parts of the docs from the code, prints `tokengraph.schema.json`, and composes the supergraph of
 * deploy/compose: `npm run generate`. With `--check` it changes nothing and fails where a part has drifted. A part is
 * between `<!-- generated: NAME -->` and `<!-- end -->`.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format } from 'oxfmt'
import { chartThemes, renderChart } from '../bench/chart.ts'
import { performanceParts, readResult } from '../bench/report.ts'
import { compose } from '../examples/supergraph/compose.ts'
import { publishedSchema } from '../src/config/json-schema.ts'
import { describeConfig } from '../src/config/reference.ts'
import type { Row } from '../src/config/reference.ts'
import { errorCodes } from '../src/errors.ts'
import { platforms } from '../src/upstreams/registry.ts'
import type { Platform } from '../src/upstreams/platform.ts'
import { readCatalogue } from '../src/upstreams/vault/providers/catalogue.ts'
import {
  describeLifetimes,
  describeRevocation,
  describeRotation,
  describeVerification,
} from '../src/upstreams/vault/providers/describe.ts'

const root = new URL('../', import.meta.url)
const folder = new URL('docs/', root)
const part = /(<!-- generated: ([a-z0-9:. -]+) -->\n)[^]*?(<!-- end -->)/g

const all: Readonly<Record<string, Platform>> = platforms

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('')
}

const configurationRows = describeConfig()

function configurationTable(rows: readonly Row[]): string {
  return table(
    ['key', 'type', 'default', 'what it does'],
    rows.map((row) => [`\`${row.key}\``, row.type, row.default, row.description]),
  )
}

/** The subjects of the general part, by the first parts of their keys; each key belongs to one. */
const subjects: Readonly<Record<string, readonly string[]>> = {
  'The server': ['mode', 'listen', 'request_timeout_ms', 'drain_seconds', 'unready_seconds'],
  'Upstreams and providers': ['upstreams', 'providers', 'allow_http', 'cache'],
  'Users and services': ['auth'],
  'Proof of the gateway': ['gateway'],
  'The audit': ['audit'],
  'Registered documents': ['documents'],
  Limits: ['limits'],
  'Pages of other origins': ['cors'],
  'The subgraph': ['subgraph'],
  'Metrics, traces and the log': ['metrics', 'tracing', 'log_level'],
}

function configurationBySubject(): string {
  const general = configurationRows.filter(({ section }) => section === 'general')
  const first = ({ key }: Row): string => /^[a-z_]+/.exec(key)?.[0] ?? ''
  const known = Object.values(subjects).flat()
  const homeless = general.filter((row) => !known.includes(first(row)))
  if (homeless.length > 0) throw new Error(`docs: no subject has ${homeless.map(({ key }) => key).join(', ')}`)
  return Object.entries(subjects)
    .map(
      ([title, names]) => `### ${title}\n\n${configurationTable(general.filter((row) => names.includes(first(row))))}`,
    )
    .join('\n')
}

const COMMON_TITLE = 'Every platform that is called over HTTP'
const perPlatform = Map.groupBy(
  configurationRows.filter(({ section }) => section !== 'general'),
  ({ section }) => section,
)
const textOfRow = ({ section: _, ...row }: Row): string => JSON.stringify(row)
/** The rows that most platforms have alike. */
const commonRows = [...Map.groupBy([...perPlatform.values()].flat(), textOfRow).values()].flatMap((same) =>
  same.length * 2 > perPlatform.size ? same.slice(0, 1) : [],
)

function providerTable(): string {
  return table(
    ['provider', 'renewable by', 'lifetimes', 'rotation', 'revocation ends', 'verified'],
    [...readCatalogue().values()].map((record) => [
      `${record.docs_url === null ? record.title : `[${record.title}](${record.docs_url})`} (\`${record.id}\`)`,
      record.refresh.obtained,
      describeLifetimes(record),
      describeRotation(record),
      describeRevocation(record),
      describeVerification(record),
    ]),
  )
}

/** What is only reported, by provider. */
function providerReports(): string {
  return [...readCatalogue().values()]
    .filter((record) => record.unverified.length > 0)
    .map((record) => `- ${record.title}: ${record.unverified.join('; ')}\n`)
    .join('')
}

function platformSections(): string {
  const common = new Set(commonRows.map(textOfRow))
  const anchor = COMMON_TITLE.toLowerCase().replaceAll(' ', '-')
  const sections = Object.entries(all).map(([name, { docs }]) => {
    const rows = perPlatform.get(name) ?? []
    const own = rows.filter((row) => !common.has(textOfRow(row)))
    const shared = rows.length - own.length
    if (shared !== 0 && shared !== common.size) throw new Error(`docs: ${name} has a part of what is common`)
    const more = shared === 0 ? '' : `, and what [every platform over HTTP](#${anchor}) has`
    return `### ${docs.title}\n\n\`platform: ${name}\`${more}\n\n${configurationTable(own)}`
  })
  return [`### ${COMMON_TITLE}\n\n${configurationTable(commonRows)}`, ...sections].join('\n')
}

/** Section 8 of a platform's page. */
function unverified(name: string): string {
  const facts = all[name]?.docs.unverified ?? []
  return facts.length === 0
    ? 'Nothing beyond what the sections above say.\n'
    : facts.map((fact) => `- ${fact}\n`).join('')
}

/** The files of docs/adding-a-platform/, by the place that they have in a repository with this platform. */
const examples = {
  'acme.ts': 'src/upstreams/acme/index.ts',
  'acme-server.ts': 'test/servers/acme.ts',
  'acme-fixture.ts': 'test/conformance/acme.ts',
}

/** Shows a file as it reads at its place: only the paths of its imports change. */
function example(name: string, target: string): string {
  const source = 'docs/adding-a-platform'
  const text = readFileSync(new URL(`adding-a-platform/${name}`, folder), 'utf8')
  const moved = text.replaceAll(/ from '(\.[^']*)'/g, (_, path: string) => {
    const file = join(source, path)
    const actual = Object.entries(examples).find(([each]) => file === join(source, each))?.[1] ?? file
    const shown = relative(dirname(target), actual)
    return ` from '${shown.startsWith('.') ? shown : `./${shown}`}'`
  })
  return `\`\`\`ts\n${moved}\`\`\`\n`
}

const generators: Readonly<Record<string, () => string>> = {
  'configuration general': configurationBySubject,
  'configuration platforms': platformSections,
  errors: () =>
    table(
      ['code', 'retry', 'message', 'what to do'],
      Object.entries(errorCodes).map(([code, row]) => [
        `\`${code}\``,
        row.retryable ? 'later' : 'no',
        row.message,
        row.remedy,
      ]),
    ),
  platforms: () =>
    table(
      ['platform', 'holds', 'batch', 'refreshes', '`provider_user_id`', '`external_accounts`'],
      Object.entries(all).map(([name, { docs }]) => [
        `[${docs.title}](platforms/${name}.md) (\`${name}\`)`,
        docs.holds,
        docs.batch,
        docs.refresh,
        docs.provider_user_id,
        docs.external_accounts,
      ]),
    ),
  ...performanceParts,
  providers: providerTable,
  'providers unverified': providerReports,
  ...Object.fromEntries(
    Object.entries(examples).map(([name, target]) => [`example ${name}`, () => example(name, target)]),
  ),
  ...Object.fromEntries(Object.keys(all).map((name) => [`unverified ${name}`, () => unverified(name)])),
}

const isCheck = process.argv.includes('--check')
const used = new Set<string>()
let drifted = 0

function update(name: string, from: string, to: string): void {
  if (from === to) return
  drifted += 1
  if (isCheck) console.error(`${name} has drifted from the code: run npm run generate`)
  else writeFileSync(new URL(name, root), to)
}

for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'))) {
  const file = new URL(name, folder)
  const text = readFileSync(file, 'utf8')
  const filled = text.replace(part, (_, open: string, generator: string, close: string) => {
    used.add(generator)
    const generate = generators[generator]
    if (generate === undefined) throw new Error(`docs/${name}: there is no generator ${generator}`)
    return `${open}\n${generate()}\n${close}`
  })
  update(`docs/${name}`, text, filled)
}

const readFile = (file: URL): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')

for (const theme of chartThemes) {
  const name = `docs/images/performance-${theme}.svg`
  update(name, readFile(new URL(name, root)), renderChart(readResult().servers, theme))
}

const schemaFile = fileURLToPath(new URL('tokengraph.schema.json', root))
const { code: schema } = await format(schemaFile, JSON.stringify(publishedSchema(platforms)), { printWidth: 120 })
update('tokengraph.schema.json', readFile(new URL('tokengraph.schema.json', root)), schema)

// The codegen has just printed the subgraph.
const supergraph = 'deploy/compose/gateway/supergraph.graphql'
const sdl = readFile(new URL('subgraph.graphql', root))
const composed = compose([{ name: 'tokengraph', url: 'http://tokengraph:4000/graphql', sdl }])
update(supergraph, readFile(new URL(supergraph, root)), `${composed.trimEnd()}\n`)

const unused = Object.keys(generators).filter((generator) => !used.has(generator))
if (unused.length > 0) throw new Error(`docs: nothing shows ${unused.join(', ')}`)
if (isCheck && drifted > 0) process.exitCode = 1
