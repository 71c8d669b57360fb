/** Requires a checking test for every block of every page. A new language fails until it has one. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ownerOf } from './configurations.ts'
import { blocksOf, pages, root } from './pages.ts'

/** The checking test by language. */
const checkers: Readonly<Record<string, string>> = {
  '': 'commands.test.ts',
  sh: 'commands.test.ts',
  bash: 'commands.test.ts',
  graphql: 'queries.test.ts',
  json: 'queries.test.ts where it is an answer; otherwise here',
  yaml: 'configurations.test.ts',
  ts: 'code.test.ts',
  js: 'test/tools and read-a-token.system.test.ts, on their pages alone',
  python: 'read-a-token.system.test.ts',
  shell: 'read-a-token.system.test.ts',
  go: 'nothing here runs it; read-a-token.system.test.ts checks its query',
  text: 'an outline, without anything to check',
  mermaid: 'a diagram, whose folders are checked here',
}

it('every block has a checker', () => {
  const unknown = pages.flatMap(({ file, blocks }) =>
    blocks.filter(({ language }) => !Object.hasOwn(checkers, language)).map(({ line }) => `${file}:${String(line)}`),
  )
  expect(unknown).toEqual([])
})

it('every checker has a block', () => {
  const languages = new Set(pages.flatMap(({ blocks }) => blocks.map(({ language }) => language)))
  expect(Object.keys(checkers).filter((language) => language !== 'bash' && !languages.has(language))).toEqual([])
})

const jsPages = ['docs/tools.md', 'docs/read-a-token.md', 'docs/connect.md']

it('JavaScript is on the pages whose code a test runs', () => {
  expect(blocksOf('js').filter(({ page }) => !jsPages.includes(page.file))).toEqual([])
  const tests = readdirSync(join(root, 'test/tools')).filter((name) => name.endsWith('.ts'))
  const texts = tests.map((name) => readFileSync(join(root, 'test/tools', name), 'utf8'))
  expect(texts.some((text) => text.includes('docs/tools.md'))).toBe(true)
})

it('every configuration belongs to a known program', () => {
  const unknown = blocksOf('yaml').filter(({ block }) => ownerOf(block) === 'unknown')
  expect(unknown.map(({ where }) => where)).toEqual([])
})

it('a block of text holds no command', () => {
  const commands = blocksOf('text').filter(({ block }) => /^(\$ |npm |npx |curl |tokengraph |node )/m.test(block.text))
  expect(commands.map(({ where }) => where)).toEqual([])
})

it('the folders in a diagram exist', () => {
  const folders = blocksOf('mermaid').flatMap(({ block }) => block.text.match(/\bsrc\/[\w/-]+/g) ?? [])
  expect(folders.length).toBeGreaterThan(4)
  expect(folders.filter((folder) => !existsSync(join(root, folder)))).toEqual([])
})

describe('JSON', () => {
  it.each(blocksOf('json').map(({ where, block }) => [where, block.text] as const))('%s', (_, text) => {
    expect(JSON.parse(text)).toBeTypeOf('object')
  })
})
