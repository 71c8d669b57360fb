/** docs/promises.md S1, S13, S14: every way to a secret x every form x every kind of viewer, and a record of each answer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { schema } from '../../src/schema/index.ts'
import { recordsOf, verify } from '../audit/chain.ts'
import { callers, fields, providers, subjects } from './callers.ts'
import type { Caller, Cell } from './callers.ts'
import { argumentsOf, openLeaves, secretLeaves } from './coordinates.ts'
import { canaryOf, cellsIn, startMatrix } from './matrix.ts'
import type { Matrix } from './matrix.ts'
import { operationsOf, variablesOf } from './operations.ts'
import type { Operation } from './operations.ts'
import { coordinateOf, findWays, wayText } from './ways.ts'

const ways = findWays(schema)
const secretWays = ways.filter((way) => secretLeaves.includes(coordinateOf(way.at(-1)!)))

describe('the schema', () => {
  it('has no leaf that is neither called a secret nor open', () => {
    const leaves = new Set(ways.map((way) => coordinateOf(way.at(-1)!)))
    expect([...leaves].sort()).toEqual([...secretLeaves, ...openLeaves].sort())
  })

  it('has a row for every field that leads to a secret, and no row for a field that is gone', () => {
    const leading = new Set(secretWays.flatMap((way) => way.slice(0, -1).map(coordinateOf)))
    expect([...leading].sort()).toEqual(Object.keys(argumentsOf).sort())
  })

  it('is walked as a whole: 13 ways to each secret', () => {
    expect(secretWays.length, secretWays.map(wayText).join('\n')).toBe(13 * secretLeaves.length)
  })
})

describe('every way to a secret', () => {
  let matrix: Matrix
  /** Records of the callers before. */
  let recorded = 0
  beforeAll(async () => {
    matrix = await startMatrix()
  })
  afterAll(() => matrix[Symbol.asyncDispose]())

  it.each(callers)('as $name', async (caller) => {
    const asked = secretWays.flatMap((way) =>
      operationsOf(way).flatMap((operation) => {
        const plain = operation.name.endsWith('plain')
        return cellsFor(plain, way.at(-1)!.field).map((cell) => ({ operation, cell }))
      }),
    )
    const answers = await matrix.askAll(
      caller,
      asked.map(({ operation, cell }) => ({ query: operation.query, variables: variablesOf(cell) })),
    )
    const added = recordsOf(matrix.auditPath, recorded)
    recorded += added.length
    const records = Map.groupBy(added, ({ request_id }) => request_id)
    for (const [n, { operation, cell }] of asked.entries()) {
      const { text, request_id } = answers[n]!
      const label = `${operation.name}: ${cell.subject} ${cell.provider}`
      const disclosed = cellsIn(text)
      checkDisclosed(caller, operation, cell, text, label)
      const own = records.get(request_id) ?? []
      for (const { subject, provider, field } of disclosed)
        expect(
          own.some(
            (row) =>
              row.decision === 'allowed' &&
              row.subject === subject &&
              row.provider === provider &&
              Object.hasOwn(row.fingerprints, field),
          ),
          `${label} is recorded`,
        ).toBe(true)
      if (text.includes('"errors"'))
        expect(
          own.some(({ decision }) => decision === 'denied'),
          `${label}: its refusal is recorded`,
        ).toBe(true)
    }
    expect(asked.length).toBeGreaterThan(500)
  })

  it('left a whole chain', async () => {
    expect((await verify([matrix.auditPath])).broken).toBeNull()
  })
})

/** The plain form meets every subject and provider, the other forms one of each: what differs there is the form. */
function cellsFor(plain: boolean, field: string): readonly Cell[] {
  const cells = subjects.flatMap((subject) => providers.map((provider) => ({ subject, provider, field })))
  return plain ? cells : cells.slice(0, 1)
}

function checkDisclosed(caller: Caller, operation: Operation, cell: Cell, text: string, label: string): void {
  for (const found of cellsIn(text)) {
    expect(caller.mayRead(found), `${label} disclosed ${canaryOf(found)}`).toBe(true)
    expect(fields, label).toContain(found.field)
  }
  const isAsked = operation.ofViewer ? caller.user_id === cell.subject : true
  const expected = isAsked && caller.mayRead(cell)
  expect(text.includes(canaryOf(cell)), `${label} ${expected ? 'answers' : 'is refused'}: ${text}`).toBe(expected)
  const codes = [...text.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code)
  const refusal = caller.name === 'nobody' ? 'UNAUTHENTICATED' : 'FORBIDDEN'
  for (const code of codes) expect(code, label).toBe(refusal)
  // Without a provider the answer is about what may be read, and without a subject about the viewer.
  if (!expected && operation.namesProvider && !operation.ofViewer) expect(codes, label).not.toEqual([])
}
