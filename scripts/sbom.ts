/**
 * The software bill of materials of what runs in production, installed or vendored, as CycloneDX JSON on standard output:
 * `npm run -s sbom`. It comes out of the lockfile, so that it says the same on every machine.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { bundle } from './bundle.ts'

const root = new URL('..', import.meta.url)
const read = (file: string): unknown => JSON.parse(readFileSync(new URL(file, root), 'utf8'))

const anyComponent = z.looseObject({ name: z.string(), version: z.string() })

/** Of what is shipped, nothing may be unknown. */
const component = anyComponent.extend({
  purl: z.string().startsWith('pkg:npm/'),
  hashes: z.array(z.looseObject({ alg: z.literal('SHA-512'), content: z.string().regex(/^[0-9a-f]{128}$/) })).min(1),
  licenses: z.array(z.unknown()).min(1),
})

/** What a scanner needs; npm writes more. */
const bomShape = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string(),
  metadata: z.looseObject({ component: z.looseObject({ 'bom-ref': z.string(), name: z.string() }) }),
  components: z.array(anyComponent).min(1),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })).min(1),
})

const manifest = z
  .object({
    name: z.string(),
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
  })
  .parse(read('package.json'))
const lock = z
  .object({ packages: z.record(z.string(), z.object({ version: z.string(), dev: z.boolean().optional() })) })
  .parse(read('package-lock.json'))

// npm's own --omit=dev also leaves out whatever a development dependency needs too, such as graphql (npm/cli#7909).
const printed = execFileSync(
  'npm',
  ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'],
  { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
)
const bom = bomShape.parse(JSON.parse(printed))

const production = Object.entries(lock.packages)
  .filter(([folder, { dev }]) => folder !== '' && dev !== true)
  .map(([folder, { version }]) => `${folder.replace(/^.*node_modules\//, '')}@${version}`)
const shipped = new Set([...production, ...(await bundle(null)).keys()])
const self = bom.metadata.component['bom-ref']
/** Of the development dependencies, those that are vendored. */
const direct = new Set(
  Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    .map(([name, version]) => `${name}@${version}`)
    .filter((id) => shipped.has(id)),
)

bom.metadata.component.name = manifest.name
bom.components = bom.components
  .filter(({ name, version }) => shipped.has(`${name}@${version}`))
  .map((row) => component.parse(row))
bom.dependencies = bom.dependencies
  .filter(({ ref }) => ref === self || shipped.has(ref))
  .map((row) => ({
    ...row,
    dependsOn: row.dependsOn.filter((ref) => (row.ref === self ? direct.has(ref) : shipped.has(ref))),
  }))
process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`)
