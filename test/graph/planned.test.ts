/**
 * Operations by their plans against the same operations by Yoga: the same status, the same bytes and the same records.
 * The operations are valid ones of the whole schema, and ask for what is there, what is not, and what fails.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getNamedType, isLeafType, isNonNullType, isObjectType, isUnionType } from 'graphql'
import type { GraphQLField, GraphQLObjectType, GraphQLOutputType } from 'graphql'
import { expect, test } from 'vitest'
import { schema } from '../../src/schema/index.ts'
import { makeFolder } from '../kit/folder.ts'
import { randomFrom, seed } from '../kit/random.ts'
import { everything, startTestServer } from '../kit/server.ts'
import type { TestServer } from '../kit/server.ts'
import { clerkFailure, startClerk } from '../servers/clerk.ts'
import { answers } from '../servers/misbehaviour.ts'

const RUNS = 400

const services = [
  { id: 'plain', grants: everything },
  { id: 'metadata', grants: [{ providers: ['*'], fields: [] }] },
  { id: 'some', grants: [{ providers: ['google'], fields: ['token'], users: ['user_1', 'user_2'] }] },
]

interface Operation {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

/** Values of the arguments by their names, good and bad. */
const values: Readonly<Record<string, readonly unknown[]>> = {
  id: ['user_1', 'user_2', 'user_3', 'ghost', 'consent', '', 'user\n1'],
  user_id: ['user_1', 'user_3', 'ghost', ''],
  ids: [['user_1', 'user_2'], ['user_1', '', 'ghost'], [], ['consent', 'user_1', 'user_1']],
  provider: ['google', 'oauth_google', 'github', 'unknown', ''],
  providers: [['google', 'github'], ['google', 'google'], [], ['']],
  required_scopes: [['openid'], ['nothing', 'email'], []],
  external_account_id: [null, 'eac_user_1_oauth_google_0', 'another'],
  after: [null, '1.5', 'no cursor'],
  first: [null, 0, 1, 100, 101],
  upstream: [null, 'clerk', 'another'],
  min_validity_seconds: [0, 60, -1, 31_536_000, 400_000_000],
  representations: [
    [{ __typename: 'User', id: 'user_1' }],
    [{ __typename: 'User', id: 'user_2' }, { __typename: 'Query' }, { __typename: 'User', id: 7 }, {}],
    [],
  ],
}

/** A valid operation out of the schema. */
function invent(random: () => number): Operation {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const chance = (share: number): boolean => random() < share
  const given: Record<string, unknown> = { yes: chance(0.5), no: false }
  const declared: string[] = ['$yes: Boolean!', '$no: Boolean!']
  const fragments: string[] = []
  let names = 0

  function argumentsOf(field: GraphQLField<unknown, unknown>): string {
    const written = field.args.flatMap(({ name, type }) => {
      if (!isNonNullType(type) && chance(0.5)) return []
      const value = pick(values[name]!)
      if (name === 'representations' || chance(0.4)) {
        const variable = `v${String(names++)}`
        declared.push(`$${variable}: ${String(type)}`)
        given[variable] = value
        return [`${name}: $${variable}`]
      }
      return [`${name}: ${JSON.stringify(value)}`]
    })
    return written.length === 0 ? '' : `(${written.join(', ')})`
  }

  function selectionOf(type: GraphQLOutputType, depth: number): string {
    const inner = getNamedType(type)
    if (isLeafType(inner)) return ''
    if (isUnionType(inner))
      return `{ __typename ... on User ${selectionOf(schema.getType('User') as GraphQLObjectType, depth)} }`
    if (!isObjectType(inner)) throw new Error('the schema has another kind of type')
    const fields = Object.values(inner.getFields()).filter(
      ({ type: of, name }) => name !== '_service' && (depth > 0 || isLeafType(getNamedType(of))),
    )
    const parts = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
      if (chance(0.1)) return '__typename'
      const field = pick(fields)
      const args = argumentsOf(field)
      const condition = pick([
        '',
        '',
        '',
        '',
        '@include(if: $yes)',
        '@skip(if: $yes)',
        '@skip(if: $no)',
        '@include(if: true)',
      ])
      const alias = args !== '' || chance(0.2) ? `f${String(names++)}: ` : ''
      const one = `${alias}${field.name}${args} ${condition} ${selectionOf(field.type, depth - 1)}`
      if (chance(0.1)) return `... ${pick(['', '@include(if: $yes)'])} { ${one} }`
      if (chance(0.1)) return `... on ${inner.name} { ${one} }`
      if (chance(0.1)) {
        const name = `F${String(names++)}`
        fragments.push(`fragment ${name} on ${inner.name} { ${one} }`)
        return `...${name} ${pick(['', '@skip(if: $yes)'])}`
      }
      return one
    })
    return `{ ${parts.join(' ')} }`
  }

  const selection = selectionOf(schema.getQueryType()!, 3)
  // Every variable has to be used.
  const start = '{ used: __typename @include(if: $yes) @skip(if: $no) '
  return {
    query: [`query Q(${declared.join(', ')}) ${start} ${selection.slice(1)}`, ...fragments].join('\n'),
    variables: given,
  }
}

async function send(server: TestServer, bearer: string | null, operation: Operation, accept: string): Promise<object> {
  const response = await server.post(JSON.stringify(operation), {
    accept,
    'x-request-id': 'same',
    ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
  })
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}

/** What was recorded, without what no two runs share. */
function recordsOf(path: string): unknown[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"event":"operation"'))
    .map((line) => {
      const { viewer, viewer_id, operation_name, decisions } = JSON.parse(line) as Record<string, unknown>
      const text = JSON.stringify(decisions).replaceAll(/"read_at":\d+/g, '"read_at":0')
      return { viewer, viewer_id, operation_name, decisions: sorted(JSON.parse(text) as Decision[]) }
    })
}

interface Decision {
  readonly reads: readonly unknown[]
}

/** In an order of its own: decisions come in the order in which upstreams answer. */
function sorted(decisions: readonly Decision[]): unknown[] {
  const text = (value: unknown): string => JSON.stringify(value)
  return decisions
    .map((decision) => ({ ...decision, reads: decision.reads.map(text).toSorted() }))
    .toSorted((a, b) => (text(a) < text(b) ? -1 : 1))
}

test('valid operations of the whole schema are answered and recorded alike', async () => {
  using folder = makeFolder()
  await using clerk = await startClerk()
  for (const user of ['user_1', 'user_2', 'user_3'])
    for (const provider of ['oauth_google', 'oauth_github']) clerk.addTokens(user, provider, user === 'user_2' ? 2 : 1)
  clerk.addTokens('user_3', 'oauth_google', [
    { expires_at: 1, label: 'Zoë', public_metadata: { a: [1, { b: '\u2028"' }] } },
  ])
  clerk.addUser('consent')
  clerk.misbehave(answers(422, clerkFailure('oauth_missing_refresh_token')), { path: /consent/ })
  const auditOf = (name: string): string => join(folder.path, `${name}.ndjson`)
  const start = (name: string, asksBeforePlan: number) =>
    startTestServer({
      file: {
        upstreams: { clerk: clerk.options({ retries: 0 }) },
        limits: { caller_rate: { burst: 1_000_000, per_second: 1_000_000 } },
        audit: { sink: 'file', path: auditOf(name), key: 'invented-audit-key-0123456789abcdef' },
      },
      services,
      asksBeforePlan,
    })
  await using planned = await start('planned', 0)
  await using general = await start('general', Infinity)
  const random = randomFrom(seed)
  const counts = { withErrors: 0, withoutErrors: 0 }
  for (let run = 0; run < RUNS; run++) {
    const operation = invent(random)
    const caller = [...services.map(({ id }) => id), null][run % 4] ?? null
    const accept = run % 3 === 0 ? 'application/graphql-response+json' : '*/*'
    const bearerAt = (server: TestServer): string | null => (caller === null ? null : server.keyOf(caller))
    const [one, other] = [
      await send(planned, bearerAt(planned), operation, accept),
      await send(general, bearerAt(general), operation, accept),
    ]
    expect(one, `run ${String(run)}: ${JSON.stringify(operation)}`).toEqual(other)
    if (JSON.stringify(one).includes('errors')) counts.withErrors++
    else counts.withoutErrors++
  }
  expect(Math.min(counts.withErrors, counts.withoutErrors)).toBeGreaterThan(RUNS / 10)
  expect(recordsOf(auditOf('planned'))).toEqual(recordsOf(auditOf('general')))
  const plannedLines = (server: TestServer): number =>
    server.logged.filter((line) => line.includes('"planned":true')).length
  expect(plannedLines(planned)).toBeGreaterThan(RUNS / 2)
  expect(plannedLines(general)).toBe(0)
})
