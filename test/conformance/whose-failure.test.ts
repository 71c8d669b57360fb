/**
 * One provider or one user in trouble is one provider or one user in trouble: every other read of the same upstream is
 * answered, at its normal number of calls and without waiting.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { PlatformName } from '../../src/upstreams/registry.ts'
import { answers, silence } from '../servers/misbehaviour.ts'
import type { Fixture, PlatformFixture } from './fixture.ts'
import { fixtures } from './fixtures.ts'
import { startConformance } from './graph.ts'

const READERS = Array.from({ length: 30 }, (_, n) => `reader_${String(n)}`)
/** Few requests open the breaker, no limit is in the way of 30 readers, and no answer is served from the cache. */
const strict = { breaker: { minimum_requests: 5 }, rate: { requests: 100_000, per_seconds: 1 } }
const uncached = { cache: { seconds: 0 } }

/** No request leaves the process. */
const inProcess: ReadonlySet<PlatformName> = new Set(['better-auth', 'vault'])

const wordOf = ({ as = {} }: Fixture, provider: string) => as[provider] ?? provider.slice('oauth_'.length)

async function open(name: PlatformName, platform: PlatformFixture, extra: object = {}) {
  const graph = await startConformance(name, platform, inProcess.has(name) ? {} : { ...strict, ...extra }, uncached)
  const { fixture } = graph
  const [bad, good] = fixture.providers
  // PropelAuth asks the provider only for a token that has expired.
  const given = name === 'propelauth' ? [{ expires_at: 1_600_000_000 }] : [{}]
  for (const user of [...READERS, 'unlucky']) {
    await fixture.connect(user, bad, given)
    await fixture.connect(user, good)
  }
  return Object.assign(graph, { bad, good })
}

type Graph = Awaited<ReturnType<typeof open>>

async function expectAnswers({ readTokens, good }: Graph): Promise<void> {
  const { data, errors } = await readTokens(READERS, [good])
  expect(errors).toBeUndefined()
  expect(data?.users.map((user) => (user[good] as unknown[]).length)).toEqual(READERS.map(() => 1))
}

async function expectNormalReads(graph: Graph): Promise<void> {
  const before = graph.callCount()
  await expectAnswers(graph)
  expect(graph.callCount() - before).toBe(graph.fixture.fewestCalls(READERS.length, 1))
}

const all = (Object.entries(fixtures) as [PlatformName, PlatformFixture][]).map(([name, platform]) => ({
  name,
  platform,
  troubles: platform.troubles ?? { provider: null, user: inProcess.has(name) ? null : [] },
}))
const remote = all.filter(({ troubles }) => troubles.user !== null)

describe.each(all.filter(({ troubles }) => (troubles.provider ?? []).length > 0))(
  'one provider at $name',
  ({ name, platform, troubles }) => {
    test.each(troubles.provider ?? [])('$label', async ({ how }) => {
      await using graph = await open(name, platform)
      graph.fixture.spoil?.(how, [wordOf(graph.fixture, graph.bad)])
      const { errors } = await graph.readTokens(READERS, [graph.bad])
      expect(errors?.length).toBeGreaterThan(0)
      await expectNormalReads(graph)
    })
  },
)

/** Others are answered while one provider hangs, and after it. */
async function hang(name: PlatformName, platform: PlatformFixture): Promise<void> {
  await using graph = await open(name, platform, { concurrency: 10, timeout_ms: 4000 })
  const { fixture, bad, good, readTokens } = graph
  await readTokens(['unlucky'], [bad])
  await readTokens(['unlucky'], [good])
  fixture.spoil?.(silence, [wordOf(fixture, bad)])
  let isOver = false
  const hanging = readTokens(READERS, [bad]).finally(() => {
    isOver = true
  })
  await graph.server.waitForRequests(1)
  await expectAnswers(graph)
  expect(isOver).toBe(false)
  expect((await hanging).errors?.length).toBeGreaterThan(0)
  await expectAnswers(graph)
}

describe('one provider hangs, and others are answered meanwhile, and after it', () => {
  const hangable = all.filter(({ troubles }) => troubles.provider !== null)
  let outcomes: ReadonlyMap<PlatformName, PromiseSettledResult<void>>
  // Side by side: nearly all of it is waiting.
  beforeAll(async () => {
    const settled = await Promise.allSettled(hangable.map(({ name, platform }) => hang(name, platform)))
    outcomes = new Map(hangable.map(({ name }, n) => [name, settled[n]!]))
  })
  test.each(hangable)('at $name', ({ name }) => {
    const outcome = outcomes.get(name)
    if (outcome?.status === 'rejected') throw outcome.reason
    expect(outcome?.status).toBe('fulfilled')
  })
})

describe.each(remote)('one user at $name', ({ name, platform, troubles }) => {
  const fault = { label: 'a fault of the platform', how: answers(500, '') }
  test.each([...(troubles.user ?? []), fault])('$label', async ({ label, how }) => {
    await using graph = await open(name, platform)
    const { fixture, bad, readTokens } = graph
    const user = (await fixture.bearerFor?.('unlucky')) ?? fixture.idOf?.('unlucky') ?? 'unlucky'
    // A documented refusal is about one connection; a fault may be about whatever is asked of the user.
    fixture.spoil?.(how, label === fault.label || name === 'logto' ? [user] : [user, wordOf(fixture, bad)])
    for (let n = 0; n < 12; n++) {
      const { errors } = await readTokens(['unlucky'], [bad])
      expect(errors).toHaveLength(1)
    }
    await expectNormalReads(graph)
  })
})
