/** Validates every query, and compares every answer that is shown with the one of the demo vault. */
import { extendSchema, parse, validate } from 'graphql'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { schema } from '../../src/schema/index.ts'
import { startDevelopment } from '../clients/development.ts'
import type { DevelopmentServer } from '../clients/development.ts'
import { blocksOf } from './pages.ts'

let server: DevelopmentServer

beforeAll(async () => {
  server = await startDevelopment()
})
afterAll(() => server[Symbol.asyncDispose]())

/** The second subgraph of examples/supergraph, as clients of the gateway see it. */
const supergraph = extendSchema(
  schema,
  parse('extend type Query { orders: [Order!]! } type Order { id: ID! total: Int! buyer: User! }'),
)

const documents = blocksOf('graphql')
/** Returns the JSON block that directly follows a query on its page. */
const answerOf = ({ page, block }: (typeof documents)[number]) => {
  const next = page.blocks[page.blocks.indexOf(block) + 1]
  return next?.language === 'json' ? next : undefined
}

it.each(documents.map((document) => [document.where, document] as const))('%s is valid', (_, { block }) => {
  const document = parse(block.text)
  expect(validate(block.text.includes('orders') ? supergraph : schema, document)).toEqual([])
})

it.each(
  documents
    .filter((document) => answerOf(document) !== undefined)
    .map((document) => [document.where, document] as const),
)('%s has the answer that is shown', async (_, document) => {
  const response = await fetch(server.graph, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${server.key}` },
    body: JSON.stringify({ query: document.block.text }),
  })
  expect(await response.json()).toEqual(JSON.parse(answerOf(document)?.text ?? ''))
})

it('the README shows a query with its answer', () => {
  expect(documents.filter((document) => document.page.file === 'README.md' && answerOf(document))).not.toEqual([])
})
