import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { exceptionOf, exceptions, isPermissive } from './licences.ts'
import { findShipped, installed, lock, lockText, manifest, packageName, production, root } from './lockfile.ts'

const foldersOf = (packages: typeof installed, isWrong: (folder: string) => boolean): string[] =>
  [...packages.keys()].filter(isWrong)

describe('the lockfile', () => {
  it('has the third version, and packages', () => {
    expect(lock.lockfileVersion).toBe(3)
    expect(production.size).toBeGreaterThan(30)
    expect(installed.size).toBeGreaterThan(production.size)
  })

  it('has the hash of every package, and names no registry', () => {
    expect(foldersOf(installed, (folder) => !installed.get(folder)?.integrity?.startsWith('sha512-'))).toEqual([])
    expect(foldersOf(installed, (folder) => installed.get(folder)?.resolved !== undefined)).toEqual([])
    // Links to where packages ask for money are all that may stand there.
    const links = lockText.match(/"[^"\n]*:\/\/[^"\n]*"/g) ?? []
    expect(links.filter((link) => /regist|mirror|artifact|\.tgz/i.test(link))).toEqual([])
  })

  it('holds graphql exactly once: two copies do not know each other', () => {
    expect(foldersOf(installed, (folder) => packageName(folder) === 'graphql')).toEqual(['node_modules/graphql'])
  })
})

describe('package.json', () => {
  it('pins every dependency to one version', () => {
    const pins = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.overrides }
    const exact = /^(npm:[a-z-]+@)?\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/
    expect(Object.entries(pins).filter(([, version]) => !exact.test(version))).toEqual([])
  })

  it('agrees with the lockfile', () => {
    const wanted = { ...manifest.dependencies, ...manifest.devDependencies }
    const locked = Object.keys(wanted).map((name) => {
      const { name: own = name, version = '' } = installed.get(`node_modules/${name}`) ?? {}
      // Under another name than its own.
      return [name, own === name ? version : `npm:${own}@${version}`]
    })
    expect(Object.fromEntries(locked)).toEqual(wanted)
  })

  it('runs nothing on the machine of whoever installs it', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare']
    expect(hooks.filter((hook) => hook in manifest.scripts)).toEqual([])
  })
})

describe('what runs in production', () => {
  it('has no install scripts', () => {
    expect(foldersOf(production, (folder) => production.get(folder)?.hasInstallScript === true)).toEqual([])
    // The same for what would run without being declared: npm builds whatever has a binding.gyp.
    expect(
      foldersOf(production, (folder) => {
        const { scripts = {} } = manifestOf(folder)
        return ['preinstall', 'install', 'postinstall'].some((hook) => hook in scripts)
      }),
    ).toEqual([])
  })

  it('has permissive licences alone, by the lockfile and by the packages themselves', async () => {
    const shipped = await findShipped()
    expect(shipped.size).toBeGreaterThan(production.size + 20)
    expect(foldersOf(shipped, (folder) => !isPermissive(shipped.get(folder)?.license))).toEqual([])
    expect(foldersOf(shipped, (folder) => manifestOf(folder).license !== shipped.get(folder)?.license)).toEqual([])
  })
})

describe('what developers install', () => {
  const others = [...installed].filter(([, { license }]) => !isPermissive(license))

  it('has permissive licences too, but for the exceptions that are named with their reason', () => {
    const found = others.map(([folder, { license }]) => [exceptionOf(packageName(folder)), license ?? 'not stated'])
    const named = Object.entries(exceptions).map(([name, { licence }]) => [name, licence])
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(named))
  })
})

describe('a licence', () => {
  it.each(['MIT', '(MIT OR GPL-3.0-only)', '(MIT AND Zlib)', 'Apache-2.0'])('%s is permissive', (licence) => {
    expect(isPermissive(licence)).toBe(true)
  })
  it.each([
    undefined,
    '',
    'UNLICENSED',
    'GPL-3.0-only',
    '(MIT AND GPL-3.0-only)',
    'Elastic-2.0',
    '(MIT)extra',
    'SSPL-1.0',
  ])('%s is not', (licence) => {
    expect(isPermissive(licence)).toBe(false)
  })
})

function manifestOf(folder: string): {
  readonly license?: string
  readonly scripts?: Readonly<Record<string, string>>
} {
  return JSON.parse(readFileSync(new URL(`${folder}/package.json`, root), 'utf8')) as ReturnType<typeof manifestOf>
}
