/**
 * One provider or one user in trouble is one provider or one user in trouble: every other read of the same upstream is
 * answered, at its normal number of calls and without waiting.
 */
import { describe, expect, test } from 'vitest'
import type { PlatformName } from '../../src/upstreams/registry.ts'
import { clerkFailure } from '../servers/clerk.ts'
import { failure as keycloakFailure } from '../servers/keycloak.ts'
import { logtoFailure } from '../servers/logto.ts'
import { answers, silence } from '../servers/misbehaviour.ts'
import type { Misbehaviour } from '../servers/misbehaviour.ts'
import { nangoFailure } from '../servers/nango.ts'
import type { Fixture, PlatformFixture } from './fixture.ts'
import { fixtures } from './fixtures.ts'
import { startConformance } from './graph.ts'

/** An answer that the platform's page documents (section 5), or that no page can rule out. */
interface Trouble {
  readonly label: string
  readonly how: Misbehaviour
}

interface Troubles {
  /** About one provider; null: no read makes the platform ask a provider. */
  readonly provider: readonly Trouble[] | null
  /** About one user at one provider; null: no request shows its user to the server that stands in. */
  readonly user: readonly Trouble[] | null
}

const later = { 'retry-after': '30' }
const clerkSays = (words: string) => clerkFailure('oauth_token_retrieval_error', { provider_error: words })

/** A platform without a line does not compile. */
const documented: Readonly<Record<PlatformName, Troubles>> = {
  'auth0-token-vault': {
    provider: [
      {
        label: 'the refresh failed',
        how: answers(401, { error: 'federated_connection_refresh_token_flow_failed' }),
      },
    ],
    // A signed JWT names the user.
    user: null,
  },
  'better-auth': { provider: null, user: null },
  auth0: { provider: null, user: [] },
  clerk: {
    provider: [
      { label: 'the provider is down', how: answers(400, clerkSays('temporarily_unavailable')) },
      { label: 'the provider is down, as 502', how: answers(502, clerkSays('server_error')) },
      { label: "the provider's rate limit", how: answers(429, clerkSays('rate limited'), later) },
    ],
    user: [
      { label: 'a dead grant', how: answers(400, clerkSays('invalid_grant')) },
      { label: 'a dead grant, as 502', how: answers(502, clerkSays('invalid_grant')) },
      { label: 'no refresh token', how: answers(422, clerkFailure('oauth_missing_refresh_token')) },
    ],
  },
  composio: { provider: null, user: [] },
  descope: { provider: [], user: [{ label: 'an undocumented refusal', how: answers(400, { errorCode: 'E999400' }) }] },
  fusionauth: { provider: null, user: [] },
  keycloak: {
    provider: [
      { label: 'no refresh', how: answers(502, keycloakFailure(502, 'Unable to refresh token').body) },
      { label: 'no answer from it', how: answers(502, keycloakFailure(502, 'Bad gateway to the provider').body) },
    ],
    user: [{ label: 'no refresh', how: answers(502, keycloakFailure(502, 'Unable to refresh token').body) }],
  },
  kratos: { provider: null, user: [] },
  logto: {
    provider: [
      {
        label: "the provider's rate limit",
        how: answers(429, logtoFailure(429, 'connector.rate_limit_exceeded').body, later),
      },
      { label: 'the provider is down', how: answers(400, logtoFailure(400, 'connector.general').body) },
      { label: 'the provider is down, as 500', how: answers(500, logtoFailure(500, 'connector.general').body) },
    ],
    user: [{ label: 'a dead grant', how: answers(401, logtoFailure(401, 'connector.general').body) }],
  },
  nango: {
    provider: [{ label: 'the refresh failed', how: answers(400, nangoFailure('invalid_credentials')) }],
    user: [
      { label: 'the refresh failed', how: answers(424, nangoFailure('invalid_credentials')) },
      {
        label: 'backing off',
        how: answers(424, { error: { code: 'invalid_credentials', message: 'Backing off' } }, later),
      },
    ],
  },
  propelauth: { provider: [], user: [] },
  vault: { provider: null, user: null },
  workos: { provider: [], user: [{ label: 'an API key', how: answers(422, { code: 'auth_method_mismatch' }) }] },
}

const READERS = Array.from({ length: 30 }, (_, n) => `reader_${String(n)}`)
/** Few requests open the breaker, and no answer is served from the cache. */
const strict = { breaker: { minimum_requests: 5 } }
const uncached = { cache: { seconds: 0 } }

const wordOf = ({ as = {} }: Fixture, provider: string) => as[provider] ?? provider.slice('oauth_'.length)

async function open(name: PlatformName, platform: PlatformFixture, extra: object = {}) {
  const graph = await startConformance(name, platform, { ...strict, ...extra }, uncached)
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
  // A copy that follows docs/adding-a-platform.md has a platform without a line.
  troubles: Object.hasOwn(documented, name) ? documented[name] : { provider: null, user: null },
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

describe.each(all.filter(({ troubles }) => troubles.provider !== null))(
  'one provider at $name hangs',
  ({ name, platform }) => {
    test('others are answered meanwhile, and after it', async () => {
      await using graph = await open(name, platform, { concurrency: 10, timeout_ms: 1500 })
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
      await expectNormalReads(graph)
    })
  },
)

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
