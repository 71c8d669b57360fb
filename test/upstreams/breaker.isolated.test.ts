import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createBreaker } from '../../src/upstreams/http/resilience.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const refuse = (ms: number) => new Error(`refused for ${String(ms)}`)
const open = (given = {}) => createBreaker({ minimumRequests: 10, failureRate: 0.5, ...given }, refuse)
type Breaker = ReturnType<typeof open>

const succeed = (breaker: Breaker) => breaker.run(() => Promise.resolve({ failed: false, outcome: 'fine' }))
const fail = (breaker: Breaker) => breaker.run(() => Promise.resolve({ failed: true, outcome: 'bad' }))
const withdraw = (breaker: Breaker) => breaker.run(() => Promise.reject(new Error('gone'))).catch(() => undefined)

async function times(count: number, what: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < count; n++) await what()
}

async function openBreaker(): Promise<Breaker> {
  const breaker = open()
  await times(10, () => fail(breaker))
  expect(breaker.state()).toBe('open')
  return breaker
}

describe('it opens', () => {
  test('on the minimum count, and not before', async () => {
    const breaker = open()
    await times(9, () => fail(breaker))
    expect(breaker.state()).toBe('closed')
    expect(await fail(breaker)).toBe('bad')
    expect(breaker.state()).toBe('open')
  })

  test('above the rate, and not at it', async () => {
    const breaker = open()
    for (let n = 0; n < 15; n++) {
      await succeed(breaker)
      await fail(breaker)
    }
    expect(breaker.state()).toBe('closed')
    await fail(breaker)
    expect(breaker.state()).toBe('open')
  })

  test('never on requests that their callers withdrew', async () => {
    const breaker = open()
    await times(100, () => withdraw(breaker))
    await times(9, () => fail(breaker))
    expect(breaker.state()).toBe('closed')
  })

  test('only on recent requests', async () => {
    const breaker = open()
    await times(9, () => fail(breaker))
    await times(30, () => succeed(breaker))
    await times(9, () => fail(breaker))
    expect(breaker.state()).toBe('closed')
  })
})

describe('open', () => {
  test('it lets nothing through, and says when to come back', async () => {
    const breaker = await openBreaker()
    vi.advanceTimersByTime(400)
    const attempt = vi.fn<() => Promise<never>>()
    expect(() => {
      breaker.check()
    }).toThrow('refused for 600')
    await expect(breaker.run(attempt)).rejects.toThrow('refused for 600')
    expect(attempt).not.toHaveBeenCalled()
  })

  test('one probe decides; other requests are refused until it has ended', async () => {
    const breaker = await openBreaker()
    vi.advanceTimersByTime(1000)
    const answer = Promise.withResolvers<{ failed: boolean; outcome: string }>()
    const probe = breaker.run(() => answer.promise)
    expect(breaker.state()).toBe('half-open')
    await expect(succeed(breaker)).rejects.toThrow('refused for 1000')
    answer.resolve({ failed: false, outcome: 'well again' })
    expect(await probe).toBe('well again')
    expect(breaker.state()).toBe('closed')
    // What happened before is forgotten.
    await times(8, () => fail(breaker))
    expect(breaker.state()).toBe('closed')
  })

  test('each probe that fails doubles the pause, up to ten seconds', async () => {
    const breaker = await openBreaker()
    for (const seconds of [1, 2, 4, 8, 10, 10]) {
      vi.advanceTimersByTime(seconds * 1000 - 1)
      await expect(succeed(breaker)).rejects.toThrow('refused for 1')
      vi.advanceTimersByTime(1)
      await fail(breaker)
    }
  })

  test('a probe that its caller withdrew proves nothing: it stays open, and the pause as it is', async () => {
    const breaker = await openBreaker()
    vi.advanceTimersByTime(1000)
    await withdraw(breaker)
    expect(breaker.state()).toBe('open')
    vi.advanceTimersByTime(1000)
    expect(await succeed(breaker)).toBe('fine')
    expect(breaker.state()).toBe('closed')
  })
})

test('the pause is the same while the wall clock jumps', async () => {
  const breaker = await openBreaker()
  for (const jumpMs of [-3_600_000, 7_200_000]) {
    vi.setSystemTime(Date.now() + jumpMs)
    await expect(succeed(breaker)).rejects.toThrow('refused for 1000')
  }
  vi.setSystemTime(Date.now() - 86_400_000)
  vi.advanceTimersByTime(1000)
  expect(await succeed(breaker)).toBe('fine')
})
