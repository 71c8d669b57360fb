/**
 * The loaders against a model (docs/promises.md R6): random multisets of keys from several requests at once, random failures, every
 * order of events that the scheduler finds, and requests that go away in the middle.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CodedError } from '../../src/errors.ts'
import { createLoaders } from '../../src/tokens/loaders.ts'
import { reveal } from '../../src/lib/secret.ts'
import { createSource } from '../../src/tokens/source.ts'
import type { TokenSource } from '../../src/tokens/source.ts'
import type { TokenRequest } from '../../src/tokens/types.ts'
import { callerOf } from './clock.ts'
import { errorOf, keyOf, NOW, openScripted, tokensOf, type Holding, type Recorded, type Script } from './scripted.ts'

const users = ['user_1', 'user_2', 'user_3', 'user_4']
const providers = ['a', 'b', 'c']

const request = fc.record<TokenRequest>({
  userId: fc.constantFrom(...users),
  provider: fc.constantFrom(...providers),
  externalAccountId: fc.constantFrom(null, 'a', 'b'),
  minValiditySeconds: fc.constantFrom(0, 60, 7200),
})
const caller = fc.record({ asks: fc.array(request, { minLength: 1, maxLength: 12 }), leaves: fc.boolean() })
const holding = fc.constantFrom<Holding>('two', 'one', 'expired', 'nothing', 'unknown', 'consent', 'broken')
const platform = fc.record({
  kind: fc.constantFrom<Script['kind']>('one', 'grouped', 'many', 'all'),
  max: fc.integer({ min: 1, max: 5 }),
  refreshes: fc.boolean(),
  holdings: fc.array(holding, { minLength: 12, maxLength: 12 }),
  /** For `all`: the call fails as a whole. */
  ofUsers: fc.array(fc.constantFrom<Holding>('one', 'one', 'consent', 'broken'), { minLength: 4, maxLength: 4 }),
})
/** DataLoader dispatches after the microtasks: without the pause every event would come before the first batch. */
const scheduler = fc.scheduler({
  act: async (step) => {
    await step()
    await new Promise((resolve) => setImmediate(resolve))
  },
})
type Caller = typeof caller extends fc.Arbitrary<infer C> ? C : never
type Platform = typeof platform extends fc.Arbitrary<infer P> ? P : never

function holdingOf({ kind, holdings, ofUsers }: Platform, user_id: string, provider: string): Holding {
  const user = users.indexOf(user_id)
  const ofUser = ofUsers[user] ?? 'one'
  if (provider === '*' || (kind === 'all' && errorOf(ofUser) !== null)) return ofUser
  return holdings[user * providers.length + providers.indexOf(provider)] ?? 'nothing'
}

/** What the caller must get: a code, or the tokens in order. */
function rightAnswer(given: Platform, ask: TokenRequest): string | readonly string[] {
  const held = holdingOf(given, ask.userId, ask.provider)
  const error = errorOf(held)
  if (error !== null) return error.code
  const { externalAccountId, minValiditySeconds } = ask
  const asked = tokensOf(ask, held).filter(
    (row) => externalAccountId === null || row.external_account_id === externalAccountId,
  )
  // A platform that refreshes was asked anew: what it answers is handed out as long as it lives.
  const live = asked.filter((row) => row.expires_at! - (given.refreshes ? 0 : minValiditySeconds) > NOW)
  return asked.length > 0 && live.length === 0 ? 'REAUTHORIZATION_REQUIRED' : live.map(({ token }) => reveal(token))
}

/** Knows which requests wait for a key at any moment. */
function watch(source: TokenSource, idOf: (ask: TokenRequest) => string) {
  const entries: { readonly id: string; readonly signal: AbortSignal; settled: boolean }[] = []
  return {
    waitsFor: (id: string) => entries.some((entry) => entry.id === id && !entry.settled && !entry.signal.aborted),
    source: {
      ...source,
      tokens: ((ask, asker) => {
        const entry = { id: idOf(ask), signal: asker.signal, settled: false }
        entries.push(entry)
        // Nothing is cached here: every answer is a promise.
        return Promise.resolve(source.tokens(ask, asker)).finally(() => (entry.settled = true))
      }) satisfies TokenSource['tokens'],
    },
  }
}

const gone = new Error('the caller went away')

async function run(given: Platform, callers: readonly Caller[], s: fc.Scheduler) {
  const idOf = (ask: TokenRequest): string => (given.kind === 'all' ? ask.userId : keyOf(ask))
  const violations: string[] = []
  const groups: { readonly key: string; readonly siblings: readonly string[] }[] = []
  const { upstream, calls } = openScripted({
    ...given,
    holds: (user_id, provider) => holdingOf(given, user_id, provider),
    moment: (name) => s.schedule(Promise.resolve(), name),
    onCall: ({ keys }) => {
      const others = calls.filter(({ ended, signal }) => ended === 'under way' && !signal.aborted)
      const asked = new Set(others.flatMap((other) => other.keys))
      for (const key of keys) if (asked.has(key)) violations.push(`${key} was asked for twice at a time`)
    },
    onSiblings: (key, siblings) => {
      groups.push({ key: keyOf(key), siblings: siblings.map(keyOf) })
      if (!siblings.includes(key)) violations.push(`${keyOf(key)} is not among its siblings`)
      if (siblings.some(({ userId }) => userId !== key.userId))
        violations.push(`${keyOf(key)} has a sibling of another`)
    },
    onAbort: ({ keys }) => {
      for (const key of keys) if (watched.waitsFor(key)) violations.push(`${key} was taken back while somebody waited`)
    },
  })
  const watched = watch(createSource([upstream], { routes: {}, default: 'scripted' }, { now: () => NOW }), idOf)
  const finished = callers.map(async ({ asks, leaves }, n) => {
    const controller = new AbortController()
    await s.schedule(Promise.resolve(), `caller ${String(n)} asks`)
    const load = createLoaders(watched.source, callerOf(controller.signal), () => null)
    const answers = asks.map(async (ask): Promise<unknown> => {
      try {
        return (await load.tokens(ask)).map(({ token }) => reveal(token.token))
      } catch (error) {
        return error instanceof CodedError ? error.code : error
      }
    })
    if (leaves) {
      await s.schedule(Promise.resolve(), `caller ${String(n)} leaves`)
      controller.abort(gone)
    }
    return Promise.all(answers)
  })
  const outcomes = await s.waitFor(Promise.all(finished))
  await new Promise((resolve) => setImmediate(resolve))
  for (const { keys, ended, signal } of calls)
    if (ended === 'under way' && !signal.aborted) violations.push(`${keys.join(', ')} outlived its last reader`)
  await s.waitIdle()
  return { calls, groups, outcomes, violations, idOf }
}

/** Whether the key was in one call with a broken one, which fails the whole of a batch. */
function fellWithOthers(given: Platform, ask: TokenRequest, calls: readonly Recorded[]): boolean {
  return calls.some(({ keys, ended }) => given.kind === 'many' && ended === 'failed' && keys.includes(keyOf(ask)))
}

const unhandled: unknown[] = []
const listen = (reason: unknown): void => void unhandled.push(reason)
beforeEach(() => void process.on('unhandledRejection', listen))
afterEach(() => void process.off('unhandledRejection', listen))

test('every key gets its own answer, no key is asked for twice at a time, no call outlives its last reader', async () => {
  const callers = fc.array(caller, { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(platform, callers, scheduler, async (given, asking, s) => {
      const { calls, outcomes, violations } = await run(given, asking, s)
      expect(violations).toEqual([])
      for (const [n, { asks, leaves }] of asking.entries())
        for (const [position, ask] of asks.entries()) {
          const got = outcomes[n]?.[position]
          if (leaves && got === gone) continue
          if (got === 'UPSTREAM_UNAVAILABLE' && fellWithOthers(given, ask, calls)) continue
          expect(got).toEqual(rightAnswer(given, ask))
        }
      for (const { keys, ended } of calls) {
        expect(ended).not.toBe('under way')
        if (given.kind === 'many') expect(keys.length).toBeLessThanOrEqual(given.max)
      }
    }),
    { numRuns: 500 },
  )
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
}, 60_000)

const sameUser = (a: string, b: string): boolean => a.split(' ')[0] === b.split(' ')[0]

test('one request asks for each distinct key once, and a batch is as full as it may be', async () => {
  await fc.assert(
    fc.asyncProperty(platform, caller, scheduler, async (given, { asks }, s) => {
      const { calls, groups, idOf } = await run(given, [{ asks, leaves: false }], s)
      const keys = calls.flatMap((call) => call.keys)
      const distinct = new Set(asks.map(idOf))
      expect(keys.toSorted()).toEqual([...distinct].sort())
      if (given.kind === 'many') expect(calls).toHaveLength(Math.ceil(distinct.size / given.max))
      // What one request asks for in one tick, a grouped platform is told about together.
      for (const { key, siblings } of groups)
        expect(siblings.toSorted()).toEqual([...distinct].filter((other) => sameUser(other, key)).sort())
    }),
    { numRuns: 200 },
  )
}, 60_000)
