/**
 * One odd field costs no other account anything, and a field that only decorates costs its own account nothing: for each
 * platform, each field of the answers about an account gets each odd value, one at a time.
 */
import { describe, expect, test } from 'vitest'
import type { PlatformName } from '../../src/upstreams/registry.ts'
import type { Expected, Fixture, PlatformFixture } from './fixture.ts'
import type { Alteration } from '../servers/local.ts'
import { fixtures } from './fixtures.ts'
import { startConformance } from './graph.ts'
import { fieldsOf, oddColumns, oddValues, put, requestOf } from './odd-values.ts'
import type { Field } from './odd-values.ts'

const withoutCache = { cache: { seconds: 0 } }
const unlimited = { rate: { requests: 1_000_000, per_seconds: 1 } }

interface Account {
  readonly external_account_id?: string
  readonly token?: string
  readonly provider: string
}

interface Read {
  readonly odd: readonly Account[] | null
  readonly other: readonly Account[] | null
  readonly external_accounts: readonly Account[] | null
  readonly oauth_connections: readonly { readonly provider: string; readonly status: string }[] | null
}

/** The victim's account, a sibling at the same provider where the platform has such, another provider, another user. */
async function setScene(fixture: Fixture, many: boolean) {
  const [odd, other] = fixture.providers
  const given = (user: string, n: number) => ({
    provider_user_id: `person-${user}-${String(n)}`,
    external_account_id: `account-${user}-${String(n)}`,
  })
  const accounts = [given('1-odd', 0), ...(many ? [given('1-odd', 1)] : [])]
  const [victim, ...siblings] = await fixture.connect('user_1', odd, accounts)
  const elsewhere = await fixture.connect('user_1', other, [given('1-other', 0)])
  const foreign = await fixture.connect('user_2', odd, [given('2-odd', 0)])
  if (victim === undefined) throw new Error('no account')
  return { victim, siblings, elsewhere, foreign, odd, other }
}

type Scene = Awaited<ReturnType<typeof setScene>>
/** By these the rest of a list is asked for: without it, the whole call fails. */
const paging: ReadonlySet<string> = new Set(['next', 'next_cursor', 'total_count'])

interface Kind {
  readonly essential: boolean
  readonly isOfUser: boolean
  readonly isPaging?: boolean
}

type Graph = Awaited<ReturnType<typeof startConformance>>

const selection = ({ odd, other }: Scene): string => `
  odd: oauth_access_tokens(provider: "${odd}") { external_account_id token provider }
  other: oauth_access_tokens(provider: "${other}") { external_account_id token provider }
  external_accounts { external_account_id provider }
  oauth_connections { provider status }`

const tokensOf = (accounts: readonly (Account | Expected)[] | null | undefined) =>
  (accounts ?? []).map(({ token }) => token)

/** What is wrong with the answer; an empty list: nothing. */
async function findFaults(graph: Graph, scene: Scene, kind: Kind) {
  const answer = await graph.readUsers(['user_1', 'user_2'], selection(scene))
  const faults: string[] = []
  const check = (holds: boolean, fault: string) => {
    if (!holds) faults.push(fault)
  }
  check(!JSON.stringify(answer).includes('INTERNAL_SERVER_ERROR'), 'an unexpected error')
  if (kind.isPaging === true) return faults
  const [first, second] = (answer.data?.users ?? []) as unknown as readonly (Read | undefined)[]
  check(tokensOf(second?.odd).join() === tokensOf(scene.foreign).join(), 'the other user has no token')
  check(second?.external_accounts?.length === scene.foreign.length, 'the other user has no list')
  if (kind.isOfUser && kind.essential) return faults
  const listed = (first?.external_accounts ?? []).map(({ external_account_id }) => external_account_id)
  for (const { token, external_account_id } of scene.siblings) {
    check(tokensOf(first?.odd).includes(token), 'the sibling has no token')
    check(listed.includes(external_account_id), 'the sibling is not listed')
  }
  check(tokensOf(first?.other).join() === tokensOf(scene.elsewhere).join(), 'the other provider has no token')
  check(
    scene.elsewhere.every(({ external_account_id }) => listed.includes(external_account_id)),
    'the account at the other provider is not listed',
  )
  const statusOf = (provider: string) => first?.oauth_connections?.find((each) => each.provider === provider)?.status
  check(statusOf(scene.other) === 'CONNECTED', 'the other provider is not connected')
  if (kind.essential) return faults
  check(tokensOf(first?.odd).includes(scene.victim.token), 'the token is lost')
  check(listed.includes(scene.victim.external_account_id), 'the account is not listed')
  return faults
}

/** The fields of the answers that a read of the scene gets. */
async function findFields(graph: Graph, scene: Scene): Promise<readonly Field[]> {
  const { as = {}, alter } = graph.fixture
  const bodies = new Map<string, unknown>()
  const stop = alter?.((body, request) => {
    bodies.set(requestOf(request), body)
    return body
  })
  expect(await findFaults(graph, scene, { essential: false, isOfUser: false })).toEqual([])
  stop?.()
  const nameOf = (provider: string) => as[provider] ?? provider.slice('oauth_'.length)
  const textsOf = (accounts: readonly Expected[]) =>
    accounts.flatMap(({ token, external_account_id, provider_user_id }) =>
      [token, external_account_id, provider_user_id].filter((text) => text !== ''),
    )
  const others = [...scene.siblings, ...scene.elsewhere, ...scene.foreign]
  const markers = {
    own: textsOf([scene.victim]),
    user: graph.fixture.idOf?.('user_1') ?? 'user_1',
    provider: nameOf(scene.odd),
    others: textsOf(others),
    otherProviders: [nameOf(scene.other), scene.other],
  }
  return [...bodies].flatMap(([request, body]) => fieldsOf(request, body, markers))
}

const all = Object.entries(fixtures) as [PlatformName, PlatformFixture][]

describe.each(all)('%s', (name, platform) => {
  // A list without a name is the whole answer.
  const essential = new Set(['', ...paging, ...platform.essential])
  const many = platform.unsupported?.['many accounts'] === undefined

  test('an odd field costs no other account anything, and decoration costs nothing', async () => {
    const isDatabase = name === 'better-auth' || name === 'vault'
    await using graph = await startConformance(name, platform, isDatabase ? {} : unlimited, withoutCache)
    const { fixture } = graph
    const scene = await setScene(fixture, many)
    const faults: string[] = []
    let tried = 0

    async function tryOut(kind: Kind, set: () => () => void) {
      const restore = set()
      tried++
      const found = await findFaults(graph, scene, kind)
      restore()
      return found
    }

    function alter(fields: readonly Field[], value: unknown): () => void {
      const change: Alteration = (body, request) =>
        fields
          .filter(({ request: asked, mark }) => asked === requestOf(request) && JSON.stringify(body).includes(mark))
          .reduce((changed, { path }) => put(changed, path, value), body)
      return fixture.alter?.(change) ?? (() => undefined)
    }

    async function report(field: Field, value: unknown) {
      const { name: fieldName, isOfUser } = field
      const kind = { essential: essential.has(fieldName), isOfUser, isPaging: paging.has(fieldName) }
      const where = `${field.request.split('?')[0] ?? ''} ${field.path.join('.')}`
      for (const fault of await tryOut(kind, () => alter([field], value)))
        faults.push(`${where} = ${JSON.stringify(value)}: ${fault}`)
    }

    const fields = await findFields(graph, scene)
    const decorations = Map.groupBy(
      fields.filter((field) => !essential.has(field.name)),
      ({ path }) => path.length,
    )
    for (const value of oddValues) {
      for (const field of fields) if (essential.has(field.name)) await report(field, value)
      // All that only decorates at once, level by level; one by one where that costs anything.
      for (const level of decorations.values()) {
        const found = await tryOut({ essential: false, isOfUser: false }, () => alter(level, value))
        if (found.length > 0) for (const field of level) await report(field, value)
        if (found.length > 0 && faults.length === 0) faults.push(...found)
      }
    }

    for (const column of fixture.columns?.names ?? [])
      for (const value of oddColumns) {
        const set = fixture.columns?.set(scene.victim.external_account_id, column, value) ?? null
        if (set === null) continue
        for (const fault of await tryOut({ essential: essential.has(column), isOfUser: false }, () => set))
          faults.push(`${column} = ${String(value)}: ${fault}`)
      }

    expect(faults).toEqual([])
    expect(tried).toBeGreaterThan(20)
  }, 120_000)
})
