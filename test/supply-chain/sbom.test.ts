import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, it } from 'vitest'
import type { Entry } from './lockfile.ts'
import { findShipped, manifest, packageName, root } from './lockfile.ts'

interface Bom {
  readonly bomFormat: string
  readonly metadata: { readonly component: { readonly name: string; readonly version: string } }
  readonly components: readonly {
    readonly name: string
    readonly version: string
    readonly hashes: readonly { readonly content: string }[]
  }[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

let printed = ''
let bom: Bom
let shipped: ReadonlyMap<string, Entry>

beforeAll(async () => {
  const script = fileURLToPath(new URL('scripts/sbom.ts', root))
  printed = (await promisify(execFile)(process.execPath, [script], { maxBuffer: 64 * 1024 * 1024 })).stdout
  bom = JSON.parse(printed) as Bom
  shipped = await findShipped()
})

const idsOf = (packages: ReadonlyMap<string, Entry>): string[] =>
  [...packages].map(([folder, { version }]) => `${packageName(folder)}@${version}`)

it('is a CycloneDX document about this version', () => {
  expect(bom).toMatchObject({
    bomFormat: 'CycloneDX',
    metadata: { component: { name: 'tokengraph', version: manifest.version } },
  })
})

it('lists exactly what runs in production, installed or vendored, each package with the hash of the lockfile', () => {
  // The same package in two folders is one component.
  expect(new Set(bom.components.map(({ name, version }) => `${name}@${version}`))).toEqual(new Set(idsOf(shipped)))
  const hashes = new Set([...shipped.values()].map(({ integrity = '' }) => integrity))
  for (const component of bom.components) {
    const integrity = component.hashes.map(({ content }) => `sha512-${Buffer.from(content, 'hex').toString('base64')}`)
    expect(hashes, component.name).toContain(integrity[0])
  }
})

it('says what needs what, from package.json on', () => {
  const listed = new Set(bom.components.map(({ name, version }) => `${name}@${version}`))
  expect(bom.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !listed.has(ref))).toEqual([])
  const imported = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
  const direct = imported.map(([name, version]) => `${name}@${version}`).filter((id) => listed.has(id))
  const self = bom.dependencies.find(({ ref }) => ref === `tokengraph@${manifest.version}`)
  expect(new Set(self?.dependsOn)).toEqual(new Set(direct))
  expect(direct).toContain(`undici@${String(manifest.devDependencies.undici)}`)
})

it('names no registry', () => {
  expect(printed).not.toMatch(/\.tgz|registry/)
})
