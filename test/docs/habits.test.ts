/** Checks the files for the repository's host and for editors: every name in them exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { platforms } from '../../src/upstreams/registry.ts'
import { root } from './pages.ts'

const read = (file: string): string => readFileSync(join(root, file), 'utf8')

const manifest = z
  .object({
    scripts: z.record(z.string(), z.string()),
    engines: z.object({ node: z.string() }),
    exports: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])),
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
    overrides: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(read('package.json')))

describe('the workflow', () => {
  const step = z.object({ run: z.string().optional(), uses: z.string().optional() })
  const workflow = z
    .object({
      permissions: z.record(z.string(), z.string()),
      jobs: z.object({
        test: z.object({
          strategy: z.object({ matrix: z.object({ node: z.array(z.number()) }) }),
          steps: z.array(step),
        }),
      }),
    })
    .parse(parse(read('.github/workflows/ci.yml')))
  const { steps, strategy } = workflow.jobs.test

  it('runs the two commands of the README', () => {
    const runs = steps.flatMap(({ run }) => run ?? []).join('\n')
    for (const command of ['npm ci', 'npm start', 'npm test']) expect(runs).toContain(command)
    expect(read('README.md')).toContain('npm ci && npm start')
    expect(read('README.md')).toContain('npm ci && npm test')
  })

  it('covers the first supported Node and the one of .node-version', () => {
    const first = Number(/\d+/.exec(manifest.engines.node)?.[0])
    const used = Number(read('.node-version'))
    expect(strategy.matrix.node).toEqual(expect.arrayContaining([first, used]))
    expect(manifest.devDependencies.node).toMatch(new RegExp(`^${String(used)}\\.`))
  })

  it('may only read', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' })
  })
})

it('the issue form lists every platform', () => {
  const { body } = z
    .object({ body: z.array(z.object({ id: z.string().optional(), attributes: z.looseObject({}) })) })
    .parse(parse(read('.github/ISSUE_TEMPLATE/bug.yml')))
  const options = body.find(({ id }) => id === 'platform')?.attributes.options
  expect(z.array(z.string()).parse(options).slice(1)).toEqual(Object.keys(platforms).toSorted())
})

it('every form is YAML', () => {
  const forms = readdirSync(join(root, '.github/ISSUE_TEMPLATE'))
  expect(forms.length).toBeGreaterThan(2)
  for (const name of forms) expect(parse(read(join('.github/ISSUE_TEMPLATE', name)))).toBeTypeOf('object')
})

it('every path with an owner exists', () => {
  const paths = read('.github/CODEOWNERS')
    .split('\n')
    .filter((line) => line.startsWith('/'))
    .map((line) => line.split(/\s+/)[0] ?? '')
  expect(paths.length).toBeGreaterThan(3)
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
})

it('the update rules name installed packages', () => {
  const { packageRules } = z
    .object({
      packageRules: z.array(
        z.object({ description: z.string().min(20), matchPackageNames: z.array(z.string()).optional() }),
      ),
    })
    .parse(JSON.parse(read('renovate.json')))
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.overrides })
  const patterns = packageRules.flatMap(({ matchPackageNames = [] }) => matchPackageNames)
  const matches = (pattern: string) =>
    pattern.endsWith('**') ? names.some((name) => name.startsWith(pattern.slice(0, -2))) : names.includes(pattern)
  expect(patterns.length).toBeGreaterThan(10)
  expect(patterns.filter((pattern) => !matches(pattern))).toEqual([])
})

it('every exported file exists', () => {
  // Modules are built of the sources (test/library/package.system.test.ts).
  const sources = Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : Object.values(entry),
  )
  const files = sources.map((file) => file.replace(/^\.\/dist\/(.*?)(?:\.d)?\.(?:ts|js)$/, './src/$1.ts'))
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
})
