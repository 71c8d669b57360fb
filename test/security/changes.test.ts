/** docs/promises.md S1, S13, S15: every mutation x every kind of viewer x every subject and provider, and a record of each. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { schema } from '../../src/schema/index.ts'
import { recordsOf, verify } from '../audit/chain.ts'
import { callers, providers, subjects } from './callers.ts'
import { RETURN_TO, startMatrix } from './matrix.ts'
import type { Matrix } from './matrix.ts'

const verifier = 'invented-verifier-0123456789-0123456789-0123456789'
const challenge = createHash('sha256').update(verifier).digest('base64url')

interface Cell {
  readonly subject: string
  readonly provider: string
  /** Of a request that the owner began. */
  readonly request: string
}

interface Row {
  readonly query: string
  input(cell: Cell): object
  /** What comes after the right was found. */
  readonly granted: string
  /** The code of a refusal for who is known; an unknown id looks like one of somebody else. */
  readonly refused: string
}

const rows: Readonly<Record<string, Row>> = {
  start_connection: {
    query: 'mutation ($input: StartConnectionInput!) { start_connection(input: $input) { connection_request_id } }',
    input: ({ subject, provider }) => ({
      ...{ user_id: subject, provider, return_to: RETURN_TO, code_challenge: challenge },
    }),
    granted: '"connection_request_id":"',
    refused: 'FORBIDDEN',
  },
  finish_connection: {
    query: 'mutation ($input: FinishConnectionInput!) { finish_connection(input: $input) { status } }',
    input: ({ request }) => ({ connection_request_id: request, completion_code: '', code_verifier: verifier }),
    granted: '"status":"PENDING"',
    refused: 'BAD_USER_INPUT',
  },
  disconnect_account: {
    query: 'mutation ($input: DisconnectAccountInput!) { disconnect_account(input: $input) { effect } }',
    input: ({ subject, provider }) => ({ user_id: subject, provider, external_account_id: 'eac_of_nobody' }),
    granted: 'is no account of this user at this provider',
    refused: 'FORBIDDEN',
  },
}

it('has a row for every mutation of the schema', () => {
  expect(Object.keys(rows).sort()).toEqual(Object.keys(schema.getMutationType()!.getFields()).sort())
})

describe('every mutation', () => {
  let matrix: Matrix
  /** By subject and provider: begun by the service that may. */
  const requests = new Map<string, string>()
  let recorded = 0
  const cells = subjects.flatMap((subject) => providers.map((provider) => ({ subject, provider })))
  beforeAll(async () => {
    matrix = await startMatrix()
    const connects = callers.find(({ name }) => name === 'a service that connects, and reads nothing')!
    const { query, input } = rows.start_connection!
    const asked = cells.map((cell) => ({ query, variables: { input: input({ ...cell, request: '' }) } }))
    const answers = await matrix.askAll(connects, asked)
    for (const [n, { subject, provider }] of cells.entries()) {
      const [, id = ''] = /"connection_request_id":"([\w-]{43})"/.exec(answers[n]!.text) ?? []
      requests.set(`${subject} ${provider}`, id)
    }
    recorded = recordsOf(matrix.auditPath, 0).length
  })
  afterAll(() => matrix[Symbol.asyncDispose]())

  it.each(callers)('as $name', async (caller) => {
    const asked = Object.entries(rows).flatMap(([name, row]) => cells.map((cell) => ({ name, row, cell })))
    const answers = await matrix.askAll(
      caller,
      asked.map(({ row, cell }) => {
        const request = requests.get(`${cell.subject} ${cell.provider}`)!
        return { query: row.query, variables: { input: row.input({ ...cell, request }) } }
      }),
    )
    const added = recordsOf(matrix.auditPath, recorded)
    recorded += added.length
    const records = Map.groupBy(added, ({ request_id }) => request_id)
    for (const [n, { name, row, cell }] of asked.entries()) {
      const { text, request_id } = answers[n]!
      const label = `${name}: ${cell.subject} ${cell.provider}: ${text}`
      const isAllowed = caller.mayChange(cell)
      expect(text.includes(row.granted), label).toBe(isAllowed)
      const refused = caller.name === 'nobody' ? 'UNAUTHENTICATED' : row.refused
      if (!isAllowed) expect(text, label).toContain(`"code":"${refused}"`)
      const own = records.get(request_id) ?? []
      expect(own, label).toMatchObject([{ decision: isAllowed ? 'allowed' : 'denied' }])
      if (caller.name !== 'nobody') expect(own, label).toMatchObject([{ ...cell, fields: [name] }])
    }
  })

  it('left a whole chain', async () => {
    expect((await verify([matrix.auditPath])).broken).toBeNull()
  })
})
