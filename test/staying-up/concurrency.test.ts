import { expect, test } from 'vitest'
import { toFetchHandler } from '../../src/http/fetch.ts'
import type { HttpHandler, HttpResponse } from '../../src/http/message.ts'
import { createConcurrency, createGate } from '../../src/http/overload.ts'
import type { Concurrency } from '../../src/http/overload.ts'
import { writeLog } from '../../src/log.ts'

const options = { concurrent_requests: 500, loop_delay_ms: 25 }

function enter(concurrency: Concurrency, count: number): number {
  return Array.from({ length: count }, () => concurrency.acquire()).filter(Boolean).length
}

/** Samples for so many milliseconds, each with the event loop delayed by `lateMs`. */
function late(concurrency: Concurrency, lateMs: number, forMs: number): void {
  for (let passed = 0; passed < forMs; passed += 20 + lateMs) concurrency.observe(lateMs)
}

test('admits up to the fixed limit, and again once a request is done', () => {
  const concurrency = createConcurrency({ concurrent_requests: 3, loop_delay_ms: 25 })
  expect(enter(concurrency, 5)).toBe(3)
  concurrency.release()
  expect(enter(concurrency, 2)).toBe(1)
  expect(concurrency.inFlight).toBe(3)
})

test('a lasting event loop delay lowers the limit below the requests in flight, and its end raises it again', () => {
  const concurrency = createConcurrency(options)
  enter(concurrency, 300)
  late(concurrency, 40, 500)
  expect(concurrency.limit).toBe(270)
  expect(concurrency.acquire()).toBe(false)
  late(concurrency, 40, 700)
  expect(concurrency.limit).toBeLessThan(170)
  late(concurrency, 1, 2500)
  expect(concurrency.limit).toBe(500)
})

test('serves a burst: only a longer delay lowers the limit', () => {
  const concurrency = createConcurrency(options)
  enter(concurrency, 300)
  late(concurrency, 80, 400)
  late(concurrency, 1, 100)
  late(concurrency, 80, 400)
  expect(concurrency.limit).toBe(500)
})

test.each([
  ['a second', 1000, 250],
  ['four seconds', 4000, 150],
])(
  'one sample that is late by %s is enough: time counts, of which an overload leaves few samples',
  (_, lateMs, limit) => {
    const concurrency = createConcurrency(options)
    enter(concurrency, 300)
    concurrency.observe(lateMs)
    expect(concurrency.limit).toBeLessThanOrEqual(limit + 30)
    // The machine may have stopped, once.
    expect(concurrency.limit).toBeGreaterThanOrEqual(150)
  },
)

test('one sample on time in each window keeps the limit: a pause delays some samples, a queue all of them', () => {
  const concurrency = createConcurrency(options)
  enter(concurrency, 300)
  for (let window = 0; window < 20; window++) {
    concurrency.observe(60)
    concurrency.observe(5)
  }
  late(concurrency, 300, 300)
  late(concurrency, 1, 100)
  expect(concurrency.limit).toBe(500)
})

test('always admits 64: with so few in flight something else delays the event loop', () => {
  const concurrency = createConcurrency(options)
  enter(concurrency, 300)
  late(concurrency, 1000, 200_000)
  expect(concurrency.limit).toBe(64)
  const idle = createConcurrency(options)
  enter(idle, 60)
  late(idle, 1000, 200_000)
  expect(idle.limit).toBe(500)
})

test('anonymous callers take a quarter of the places, and one at least', () => {
  const concurrency = createConcurrency({ concurrent_requests: 100, loop_delay_ms: 0 })
  const anonymous = Array.from({ length: 50 }, () => concurrency.acquire('anonymous'))
  expect(anonymous.filter(Boolean)).toHaveLength(25)
  expect(enter(concurrency, 100)).toBe(75)
  concurrency.release('anonymous')
  expect([concurrency.acquire('anonymous'), concurrency.acquire('anonymous')]).toStrictEqual([true, false])
  expect(createConcurrency({ concurrent_requests: 1, loop_delay_ms: 0 }).acquire('anonymous')).toBe(true)
})

test('0 milliseconds ignore the event loop delay', () => {
  const concurrency = createConcurrency({ ...options, loop_delay_ms: 0 })
  enter(concurrency, 300)
  late(concurrency, 1000, 50_000)
  expect(concurrency.limit).toBe(500)
})

test('over the Fetch API a place is released with the response, also with a failed one', async () => {
  const concurrency = createConcurrency({ concurrent_requests: 1, loop_delay_ms: 0 })
  const gate = Promise.withResolvers<HttpResponse>()
  let refused = 0
  const places = createGate({
    concurrency,
    cors: { origins: ['https://app.example'], headers: [] },
    log: writeLog('silent', { write: () => undefined }),
    onRefused: () => refused++,
  })
  const handle: HttpHandler = async (request) => {
    const refusal = places.check(request)
    if (refusal !== null) return refusal
    const place = places.enter(request)
    try {
      return await gate.promise
    } finally {
      places.leave(place)
    }
  }
  const send = () =>
    toFetchHandler(handle)(new Request('http://localhost/graphql', { headers: { origin: 'https://app.example' } }))
  const first = send()
  const second = await send()
  expect(second.status).toBe(503)
  expect(second.headers.get('retry-after')).toBe('1')
  expect(second.headers.get('access-control-allow-origin')).toBe('https://app.example')
  expect(refused).toBe(1)
  gate.reject(new Error('invented'))
  await expect(first).rejects.toThrow('invented')
  expect(concurrency.inFlight).toBe(0)
})
