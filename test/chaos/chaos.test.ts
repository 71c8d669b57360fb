/**
 * Four platforms behind proxies that spoil their answers at random, and ten thousand operations at once and after each
 * other: whatever happens, nobody gets a token of somebody else, and everybody gets an answer in time.
 * `TEST_SEED=n` repeats the faults of a run.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { CodedError } from '../../src/errors.ts'
import { reveal } from '../../src/lib/secret.ts'
import { startDeadline } from '../../src/server/context.ts'
import type { Platform } from '../../src/upstreams/platform.ts'
import { createLoaders } from '../../src/tokens/loaders.ts'
import { bareProvider } from '../../src/tokens/ids.ts'
import { createSource } from '../../src/tokens/source.ts'
import { platforms } from '../../src/upstreams/registry.ts'
import { clerk } from '../conformance/clerk.ts'
import type { Fixture, PlatformFixture } from '../conformance/fixture.ts'
import { fusionauth } from '../conformance/fusionauth.ts'
import { kratos } from '../conformance/kratos.ts'
import { workos } from '../conformance/workos.ts'
import { randomFrom, seed } from '../kit/random.ts'
import { startFaultyProxy } from './faulty-proxy.ts'

const OPERATIONS = 10_000
const AT_ONCE = 40
const USERS = 200

/** Each shape of endpoint: by key, in bulk, all of a user. */
const fixtures: Readonly<Record<string, PlatformFixture>> = { clerk, kratos, workos, fusionauth }

const userName = (n: number): string => `user_${String(n)}`
/** Every third user is not connected. */
const isConnected = (n: number, provider: number): boolean => (n + provider) % 3 !== 0
const tokenOf = (upstream: string, user: string, provider: string): string => `${upstream}/${user}/${provider}`

/** The platform behind its proxy, opened by the options that an operator would write. */
async function openPlatform(name: string, n: number) {
  const fixture = await fixtures[name]!.start()
  for (let user = 0; user < USERS; user++) {
    await fixture.addUser(userName(user))
    for (const [p, provider] of fixture.providers.entries())
      if (isConnected(user, p))
        await fixture.connect(userName(user), provider, [{ token: tokenOf(name, userName(user), provider) }])
  }
  const base = new URL(fixture.options.base_url as string)
  const proxy = await startFaultyProxy(base.origin, randomFrom(seed + n))
  const platform: Platform = (platforms as Readonly<Record<string, Platform>>)[name]!
  const options = platform.options.parse({
    ...fixture.options,
    base_url: proxy.origin + base.pathname.replace(/\/$/, ''),
    timeout_ms: 400,
    breaker: { minimum_requests: 10 },
  })
  const outcomes = new Map<string, number>()
  const opened = platform.open(options, {
    observe: ({ outcome }) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1),
  })
  const upstream = { ...opened, name, platform: name }
  return { name, fixture, proxy, upstream, outcomes }
}

interface Lateness {
  max_ms: number
}

interface Scene {
  readonly source: ReturnType<typeof createSource>
  readonly opened: readonly { readonly name: string; readonly fixture: Fixture }[]
  readonly random: () => number
  readonly late: Lateness
  readonly seen: Map<string, number>
}

/** One caller with some keys, a deadline, and sometimes no patience. */
async function operate({ source, opened, random, late, seen }: Scene): Promise<void> {
  const pick = (count: number): number => Math.floor(random() * count)
  const caller = new AbortController()
  const at = performance.now() + 30 + pick(500)
  const deadline = startDeadline(at, () => caller.signal)
  const load = createLoaders(
    source,
    {
      signal: deadline.signal(),
      deadline: () => at,
      viewer: userName(pick(5)),
      subject: null,
    },
    () => null,
  )
  const keys = Array.from({ length: 1 + pick(4) }, () => ({
    upstream: pick(opened.length),
    user: pick(USERS),
    provider: pick(3),
  }))
  if (random() < 0.05)
    setTimeout(() => {
      caller.abort(new Error('gone'))
    }, pick(50))
  await Promise.all(
    keys.map(async ({ upstream, user, provider }) => {
      const { name, fixture } = opened[upstream]!
      const as = fixture.providers[provider]!
      const request = {
        userId: fixture.idOf?.(userName(user)) ?? userName(user),
        provider: `${name}_${as}`,
        externalAccountId: null,
        minValiditySeconds: 60,
      }
      let outcome = 'tokens'
      try {
        const rows = await load.tokens(request)
        const right = isConnected(user, provider) ? [tokenOf(name, userName(user), as)] : []
        expect(rows.map(({ token }) => reveal(token.token))).toEqual(right)
        for (const { token } of rows) expect(token.provider).toBe(request.provider)
      } catch (error) {
        if (!(error instanceof CodedError) && !caller.signal.aborted) throw error
        outcome = error instanceof CodedError ? error.code : 'gone'
        if (error instanceof CodedError) expect(error.extensions).toMatchObject({ upstream: name })
      }
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
      late.max_ms = Math.max(late.max_ms, performance.now() - at)
    }),
  )
  deadline.stop()
}

test(`10,000 operations, with the faults of seed ${seed}`, async () => {
  const unhandled: unknown[] = []
  const listen = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', listen)
  const opened = await Promise.all(Object.keys(fixtures).map(openPlatform))
  const routes = opened.flatMap(({ name, fixture }) =>
    fixture.providers.map((provider) => [
      `oauth_${name}_${provider}`,
      { upstream: name, as: fixture.as?.[provider] ?? bareProvider(provider) },
    ]),
  )
  const source = createSource(
    opened.map(({ upstream }) => upstream),
    { routes: Object.fromEntries(routes) as never, default: null },
    { cache: { seconds: 1, entries: 100 } },
  )
  const scene: Scene = { source, opened, random: randomFrom(seed), late: { max_ms: 0 }, seen: new Map() }
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  let left = OPERATIONS
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) {
        await operate(scene)
        await new Promise((resolve) => setTimeout(resolve, scene.random() * 20))
      }
    }),
  )
  delay.disable()
  await source.close()
  for (const { proxy, fixture } of opened) {
    await proxy[Symbol.asyncDispose]()
    await fixture[Symbol.asyncDispose]()
  }
  process.off('unhandledRejection', listen)

  expect(unhandled).toEqual([])
  // What the machine itself was late is not the server's doing.
  expect(scene.late.max_ms).toBeLessThan(50 + delay.max / 1e6)
  expect([...scene.seen.keys()].filter((outcome) => !expectedOutcomes.has(outcome))).toEqual([])
  expect(scene.seen.get('tokens')).toBeGreaterThan(OPERATIONS / 20)
  expect(opened.flatMap(({ outcomes }) => [...outcomes.keys()])).toContain('refused')
  for (const { outcomes, proxy } of opened) {
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(['ok', 'error']))
    expect(proxy.counts.size).toBeGreaterThan(5)
  }
}, 120_000)

const expectedOutcomes = new Set([
  'tokens',
  'gone',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_PROTOCOL_ERROR',
  'UPSTREAM_RATE_LIMITED',
])
