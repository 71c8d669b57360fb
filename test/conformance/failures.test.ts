/** Every way in which a platform fails is a coded error on the field, and a status of the connection. */
import { describe, expect, test } from 'vitest'
import type { PlatformName } from '../../src/upstreams/registry.ts'
import type { Fixture, OptionalCase, PlatformFixture } from './fixture.ts'
import { fixtures } from './fixtures.ts'
import { startConformance } from './graph.ts'

interface Failure {
  readonly label: OptionalCase
  /** Sets the scene, and gives the provider to ask for. */
  arrange(fixture: Fixture): Promise<string>
  readonly code: string
  readonly status: string
  readonly retryable: boolean
  /** Options of the upstream. */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** Something that would be read if the platform were well. */
async function connected(fixture: Fixture): Promise<string> {
  const [provider] = fixture.providers
  await fixture.connect('user_1', provider)
  return provider
}

const failures: readonly Failure[] = [
  {
    label: 'unknown user',
    arrange: (fixture) => Promise.resolve(fixture.providers[0]),
    code: 'USER_NOT_FOUND',
    status: 'NOT_CONNECTED',
    retryable: false,
  },
  {
    label: 'provider not configured',
    async arrange(fixture) {
      await connected(fixture)
      return 'oauth_unheard_of'
    },
    code: 'PROVIDER_NOT_CONFIGURED',
    status: 'MISCONFIGURED',
    retryable: false,
  },
  {
    label: 'our key refused',
    async arrange(fixture) {
      const provider = await connected(fixture)
      fixture.refuseKey()
      return provider
    },
    code: 'UPSTREAM_REJECTED',
    status: 'MISCONFIGURED',
    retryable: false,
  },
  {
    label: 'rate limited',
    async arrange(fixture) {
      const provider = await connected(fixture)
      fixture.rateLimit(30)
      return provider
    },
    code: 'UPSTREAM_RATE_LIMITED',
    status: 'RATE_LIMITED',
    retryable: true,
  },
  {
    label: 'outage',
    async arrange(fixture) {
      const provider = await connected(fixture)
      fixture.outage()
      return provider
    },
    code: 'UPSTREAM_UNAVAILABLE',
    status: 'UNAVAILABLE',
    retryable: true,
  },
  {
    label: 'timeout',
    async arrange(fixture) {
      const provider = await connected(fixture)
      fixture.hang()
      return provider
    },
    code: 'UPSTREAM_TIMEOUT',
    status: 'UNAVAILABLE',
    retryable: true,
    extra: { timeout_ms: 100 },
  },
  {
    label: 'protocol garbage',
    async arrange(fixture) {
      const provider = await connected(fixture)
      fixture.garbage()
      return provider
    },
    code: 'UPSTREAM_PROTOCOL_ERROR',
    status: 'UNAVAILABLE',
    retryable: false,
  },
]

const platforms = (Object.entries(fixtures) as [PlatformName, PlatformFixture][]).map(([name, platform]) => ({
  name,
  platform,
  possible: failures.filter(({ label }) => platform.unsupported?.[label] === undefined),
}))

describe.each(platforms.filter(({ possible }) => possible.length > 0))('$name', ({ name, platform, possible }) => {
  test.each(possible)('$label is $code, and $status as data', async ({ arrange, code, status, retryable, extra }) => {
    await using graph = await startConformance(name, platform, extra)
    const provider = await arrange(graph.fixture)
    const { data, errors } = await graph.readUsers(
      ['user_1'],
      `tokens: oauth_access_tokens(provider: "${provider}") { token }
       connection: oauth_connection(provider: "${provider}") { status reason retry_after_ms oauth_access_tokens { token } }`,
    )
    expect(data?.users).toMatchObject([{ tokens: null, connection: { status, reason: code, oauth_access_tokens: [] } }])
    expect(errors).toMatchObject([
      { path: ['users', 0, 'tokens'], extensions: { code, upstream: 'tokens', provider, retryable } },
    ])
    expect(JSON.stringify(errors)).not.toMatch(/upstream-text|page-text|invented-(bytes|token|key|canary)|127\.0\.0\.1/)
    const { retry_after_ms } = data!.users[0]!.connection as { retry_after_ms: number | null }
    if (code === 'UPSTREAM_RATE_LIMITED') {
      expect(retry_after_ms).toBeGreaterThan(20_000)
      expect(retry_after_ms).toBeLessThanOrEqual(31_000)
    }
  })
})
