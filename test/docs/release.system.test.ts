/** Runs `npm run release` in a temporary repository: version, lockfile, changelog, commit and tag. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeFolder } from '../kit/folder.ts'
import { root } from './pages.ts'

const env = {
  PATH: [join(root, 'node_modules/.bin'), process.env.PATH ?? ''].join(delimiter),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'invented',
  GIT_AUTHOR_EMAIL: 'invented@example.com',
  GIT_COMMITTER_NAME: 'invented',
  GIT_COMMITTER_EMAIL: 'invented@example.com',
}

const changelog = `# Changes

What users notice, newest first.

## Unreleased

### Added

- Written by hand.

## 0.1.0 (2026-01-01)

- The first.
`

function givenRepository() {
  const folder = makeFolder()
  const cwd = folder.path
  for (const name of ['package.json', 'package-lock.json', '.changeset/config.json', '.oxfmtrc.json', '.gitignore']) {
    cpSync(join(root, name), join(cwd, name))
  }
  symlinkSync(join(root, 'node_modules'), join(cwd, 'node_modules'))
  const git = (...args: readonly string[]) => execFileSync('git', args, { cwd, env, encoding: 'utf8' }).trim()
  const commit = () => {
    git('add', '--all')
    git('commit', '--quiet', '--message', 'test')
  }
  const version = () => (JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as { version: string }).version
  git('init', '--quiet', '--initial-branch', 'main')
  writeFileSync(join(cwd, '.git/info/exclude'), 'node_modules\n')
  writeFileSync(join(cwd, 'CHANGELOG.md'), changelog)
  commit()
  return {
    git,
    commit,
    version,
    read: (name: string) => readFileSync(join(cwd, name), 'utf8'),
    write: (name: string, content: string) => {
      writeFileSync(join(cwd, name), content)
    },
    release: () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'scripts/release.ts')], {
        cwd,
        env,
        encoding: 'utf8',
      })
      return { status, stdout, stderr }
    },
    [Symbol.dispose]: () => {
      folder[Symbol.dispose]()
    },
  }
}

const changeset = (bump: string, text: string) => `---\n'tokengraph': ${bump}\n---\n\n${text}\n`

describe('npm run release', () => {
  it('turns changesets and the unreleased part of the changelog into a version', () => {
    using repository = givenRepository()
    const old = repository.version()
    repository.git('tag', `v${old}`)
    repository.write('.changeset/one.md', changeset('minor', 'A key has a new name.'))
    repository.write('.changeset/two.md', changeset('patch', 'A message is clearer.'))
    repository.commit()

    const { status, stdout, stderr } = repository.release()

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const [major = '', minor = ''] = old.split('.')
    const version = `${major}.${String(Number(minor) + 1)}.0`
    expect(repository.version()).toBe(version)
    expect(stdout).toContain(`Released v${version} on this machine`)
    const lock = JSON.parse(repository.read('package-lock.json')) as {
      version: string
      packages: Record<string, { version: string }>
    }
    expect([lock.version, lock.packages['']?.version]).toEqual([version, version])
    const written = repository
      .read('CHANGELOG.md')
      .replaceAll(/\b[0-9a-f]{7,40}: /g, '')
      .replace(/\d{4}-\d\d-\d\d/, 'DATE')
    expect(written).toBe(`# Changes

What users notice, newest first.

## ${version} (DATE)

### Added

- Written by hand.

### Minor Changes

- A key has a new name.

### Patch Changes

- A message is clearer.

## 0.1.0 (2026-01-01)

- The first.
`)
    expect(repository.git('describe', '--exact-match')).toBe(`v${version}`)
    expect(repository.git('log', '-1', '--format=%s')).toBe(`chore(release): v${version}`)
    expect(repository.git('status', '--porcelain')).toBe('')
    expect(repository.git('ls-files', '.changeset')).toBe('.changeset/config.json')
  })

  it('releases the version of package.json first, without a changeset', () => {
    using repository = givenRepository()
    const version = repository.version()
    expect(repository.release().status).toBe(0)
    expect(repository.version()).toBe(version)
    expect(repository.git('describe', '--exact-match')).toBe(`v${version}`)
    expect(repository.read('CHANGELOG.md')).toMatch(`newest first.\n\n## ${version} (`)
  })

  it('refuses without a changeset, with changed files, and on another branch', () => {
    using repository = givenRepository()
    repository.git('tag', `v${repository.version()}`)
    expect(repository.release()).toMatchObject({ status: 1, stderr: expect.stringContaining('there is no changeset') })
    repository.write('CHANGELOG.md', 'changed')
    expect(repository.release()).toMatchObject({ status: 1, stderr: expect.stringContaining('commit or remove') })
    repository.git('checkout', '--quiet', '--', '.')
    repository.git('checkout', '--quiet', '-b', 'other')
    expect(repository.release()).toMatchObject({ status: 1, stderr: expect.stringContaining('made on main') })
    expect(repository.git('log', '--oneline').split('\n')).toHaveLength(1)
  })
})
