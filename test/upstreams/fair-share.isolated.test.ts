/** One greedy viewer beside twenty normal ones, on an injected clock (docs/promises.md S17). */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createLimiter, createScope } from '../../src/upstreams/http/limiter.ts'
import type { Limiter, Scope } from '../../src/upstreams/http/limiter.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Milliseconds that the platform takes for an answer. */
const SERVICE_MS = 20
/** Clerk's documented limit. */
const rate = { requests: 1000, perSeconds: 10 }

const open = (given = {}) =>
  createLimiter({
    concurrency: 50,
    rate,
    refuse: (ms) => new Error(`refused for ${Math.ceil(ms)}`),
    expire: () => new Error('expired'),
    ...given,
  })

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Milliseconds until the answer, or null where it was refused. */
async function read(limiter: Limiter, viewer: string, scope: Scope | null = null): Promise<number | null> {
  const started = performance.now()
  const deadline = started + 10_000
  try {
    const { signal } = new AbortController()
    const release = await limiter.acquire({ viewer, scope, signal, deadline: () => deadline })
    await delay(SERVICE_MS)
    release(true)
    return performance.now() - started
  } catch {
    return null
  }
}

/** Each of twenty viewers reads twice a second for a minute, while greedy ones read what they can. */
async function run(limiter: Limiter, greedy: readonly string[], fromMs: number) {
  const normal: (number | null)[] = []
  const taken = new Map<string, number>()
  let isOver = false
  const reads = Array.from({ length: 20 }, async (_, n) => {
    await delay(n * 25)
    for (let turn = 0; turn < 120; turn++) {
      void read(limiter, `viewer_${n}`).then((ms) => normal.push(ms))
      await delay(500)
    }
  })
  const hogs = greedy.flatMap((viewer) =>
    Array.from({ length: 600 }, async () => {
      await delay(fromMs)
      while (!isOver) {
        if ((await read(limiter, viewer)) === null) await delay(500)
        else taken.set(viewer, (taken.get(viewer) ?? 0) + 1)
      }
    }),
  )
  await vi.advanceTimersByTimeAsync(61_000)
  isOver = true
  await vi.advanceTimersByTimeAsync(30_000)
  await Promise.all([...reads, ...hogs])
  const known = normal.filter((ms) => ms !== null).sort((a, b) => a - b)
  return { refused: normal.length - known.length, p99: known[Math.floor(known.length * 0.99)] ?? Infinity, taken }
}

test.each([
  { count: 1, fromMs: 1000 },
  { count: 3, fromMs: 12_000 },
])('beside $count greedy viewers the others wait at most twice as long', async ({ count, fromMs }) => {
  const alone = await run(open(), [], 0)
  expect(alone.refused).toBe(0)
  const greedy = Array.from({ length: count }, (_, n) => `greedy_${n}`)
  const beside = await run(open(), greedy, fromMs)
  expect(beside.refused).toBe(0)
  expect(beside.p99).toBeLessThanOrEqual(2 * alone.p99)
  // What the others leave is not left unused.
  const total = [...beside.taken.values()].reduce((sum, each) => sum + each, 0)
  expect(total).toBeGreaterThan(0.45 * 6000)
  for (const each of beside.taken.values()) expect(each).toBeGreaterThan(total / count / 2)
})

test('a viewer that asks by itself has the whole rate limit', async () => {
  const limiter = open()
  const answers = Promise.all(Array.from({ length: 1000 }, () => read(limiter, 'only')))
  await vi.advanceTimersByTimeAsync(1000)
  expect((await answers).every((ms) => ms !== null && ms < 1000)).toBe(true)
})

test('a provider that hangs leaves a fifth of the concurrency, once there are others', async () => {
  const limiter = open({ concurrency: 10, rate: null })
  const [slow, other] = [createScope(), createScope()]
  await Promise.all([read(limiter, 'a', other), vi.advanceTimersByTimeAsync(100)])
  const { signal } = new AbortController()
  let started = 0
  for (let n = 0; n < 30; n++)
    void limiter.acquire({ viewer: 'a', scope: slow, signal, deadline: () => Infinity }).then(() => (started += 1))
  await vi.advanceTimersByTimeAsync(100)
  expect(started).toBe(8)
  const answer = read(limiter, 'a', other)
  await vi.advanceTimersByTimeAsync(SERVICE_MS)
  expect(await answer).toBe(SERVICE_MS)
})
