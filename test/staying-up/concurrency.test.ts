import { expect, test } from 'vitest'
import { toFetchHandler } from '../../src/http/fetch.ts'
import type { HttpResponse } from '../../src/http/message.ts'
import { createConcurrency, shedLoad } from '../../src/http/overload.ts'
import type { Concurrency } from '../../src/http/overload.ts'
import { writeLog } from '../../src/log.ts'

const options = { concurrent_requests: 500, loop_delay_ms: 25 }

function enter(concurrency: Concurrency, count: number): number {
  return Array.from({ length: count }, () => concurrency.acquire()).filter(Boolean).length
}

/** Samples for so many windows, each with the event loop delayed by `lateMs`. */
function late(concurrency: Concurrency, lateMs: number, windows: number): void {
  for (let reading = 0; reading < windows * 5; reading++) concurrency.observe(lateMs)
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
  late(concurrency, 40, 5)
  expect(concurrency.limit).toBe(270)
  expect(concurrency.acquire()).toBe(false)
  late(concurrency, 40, 5)
  expect(concurrency.limit).toBeLessThan(170)
  late(concurrency, 1, 20)
  expect(concurrency.limit).toBe(500)
})

test('serves a burst: only a longer delay lowers the limit', () => {
  const concurrency = createConcurrency(options)
  enter(concurrency, 300)
  late(concurrency, 200, 4)
  late(concurrency, 1, 1)
  late(concurrency, 200, 4)
  expect(concurrency.limit).toBe(500)
})

test('one sample on time in each window keeps the limit: a pause delays some samples, a queue all of them', () => {
  const concurrency = createConcurrency(options)
  enter(concurrency, 300)
  for (let window = 0; window < 20; window++) {
    for (let reading = 0; reading < 4; reading++) concurrency.observe(300)
    concurrency.observe(5)
  }
  expect(concurrency.limit).toBe(500)
})

test('always admits 64: with so few in flight something else delays the event loop', () => {
  const concurrency = createConcurrency(options)
  enter(concurrency, 300)
  late(concurrency, 1000, 200)
  expect(concurrency.limit).toBe(64)
  const idle = createConcurrency(options)
  enter(idle, 60)
  late(idle, 1000, 200)
  expect(idle.limit).toBe(500)
})

test('0 milliseconds ignore the event loop delay', () => {
  const concurrency = createConcurrency({ ...options, loop_delay_ms: 0 })
  enter(concurrency, 300)
  late(concurrency, 1000, 50)
  expect(concurrency.limit).toBe(500)
})

test('over the Fetch API a place is released with the response, also with a failed one', async () => {
  const concurrency = createConcurrency({ concurrent_requests: 1, loop_delay_ms: 0 })
  const gate = Promise.withResolvers<HttpResponse>()
  let refused = 0
  const handle = shedLoad(() => gate.promise, {
    concurrency,
    origins: ['https://app.example'],
    log: writeLog('silent', { write: () => undefined }),
    onRefused: () => refused++,
  })
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
