/** Every operation that the docs and the development page show, by the linter and the rules of the examples. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ESLint } from 'eslint'
import { buildSchema, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { compose } from '../../examples/supergraph/compose.ts'
import { ordersSdl } from '../../examples/supergraph/orders.ts'
import { demoQuery } from '../../src/development/demo.ts'
import { printed } from './project.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = ['README.md', ...readdirSync(`${root}docs`).map((name) => `docs/${name}`)]

const shown = pages
  .filter((page) => page.endsWith('.md'))
  .flatMap((page) => {
    const blocks = readFileSync(`${root}${page}`, 'utf8').matchAll(/```graphql\n([^]*?)```/g)
    return [...blocks].map(([, text = '']) => ({ page, text }))
  })

/** Orders are what the other subgraph of the example brings. */
const isOfSupergraph = ({ text }: { text: string }) => text.includes('orders {')

const eslint = new ESLint({ cwd: root })

async function lint(text: string): Promise<string[]> {
  const results = await eslint.lintText(text, { filePath: 'docs/shown.graphql' })
  return results.flatMap(({ messages }) => messages.map(({ ruleId, message }) => `${ruleId ?? ''}: ${message}`))
}

test.each([{ page: 'development', text: demoQuery }, ...shown.filter((one) => !isOfSupergraph(one))])(
  'the operation of $page',
  async ({ text }) => {
    expect(await lint(text)).toStrictEqual([])
  },
)

test.each(shown.filter(isOfSupergraph))('the operation of $page', ({ text }) => {
  const url = 'http://127.0.0.1:4000/graphql'
  const supergraph = compose([
    { name: 'tokengraph', url, sdl: printed({ subgraph: true }) },
    { name: 'orders', url, sdl: ordersSdl },
  ])
  expect(validate(buildSchema(supergraph, { assumeValid: true }), parse(text))).toStrictEqual([])
})

test('the README and the page on federation show one', () => {
  expect(shown.map(({ page }) => page)).toEqual(expect.arrayContaining(['README.md', 'docs/federation.md']))
})

test('the rules find what is wrong', async () => {
  expect(await lint('query Q($userId: ID!) { user(id: $userId) { id nmae } }')).toStrictEqual([
    expect.stringContaining('@graphql-eslint/naming-convention: '),
    expect.stringContaining('@graphql-eslint/fields-on-correct-type: '),
  ])
})
