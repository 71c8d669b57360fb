import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRetryAfter, rateLimitMs, retryAfterMs } from '../../src/upstreams/http/retry.ts'

const now = Date.parse('Thu, 01 Jan 2026 00:00:00 GMT')

test.each([
  ['7', 7000],
  ['0', 0],
  [' 7 ', 7000],
  ['-5', 0],
  ['999999999', 3_600_000],
  ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
  ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
  ['Fri, 01 Jan 2027 00:00:00 GMT', 3_600_000],
  ['Thu, 99 Jan 2026 00:00:30 GMT', 1000],
  ['1.5', 1000],
  ['1e3', 1000],
  ['soon', 1000],
  ['', 1000],
  [undefined, 1000],
])('Retry-After %j is %d ms', (value, ms) => {
  expect(parseRetryAfter(value, now)).toBe(ms)
})

const headers = (given: Record<string, string>) => (name: string) => given[name]

test.each([
  [{}, null],
  [{ 'retry-after': '7' }, 7000],
  [{ 'x-retry-after': '7' }, 7000],
  [{ 'retry-after': '1', 'x-retry-after': '7' }, 1000],
  [{ 'retry-after': '1', 'x-ratelimit-reset': String(now / 1000 + 60) }, 1000],
  [{ 'x-ratelimit-reset': String(now / 1000 + 60) }, 60_000],
  [{ 'x-ratelimit-reset': String(now / 1000 - 60) }, 0],
  [{ 'x-ratelimit-reset': '60' }, 60_000],
  [{ 'x-ratelimit-reset': 'soon' }, null],
  // A platform whose clock is an hour ahead of ours.
  [{ date: 'Thu, 01 Jan 2026 01:00:00 GMT', 'retry-after': 'Thu, 01 Jan 2026 01:00:05 GMT' }, 5000],
  [{ date: 'Thu, 01 Jan 2026 01:00:00 GMT', 'x-ratelimit-reset': String(now / 1000 + 3605) }, 5000],
  [{ date: 'yesterday', 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' }, 5000],
])('the headers %j ask for %j ms', (given, ms) => {
  expect(retryAfterMs(headers(given), now)).toBe(ms)
  expect(rateLimitMs(headers(given), now)).toBe(ms ?? 1000)
})

test('any value is a whole number of milliseconds within an hour', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.integer().map(String)), (value) => {
      const ms = parseRetryAfter(value, now)
      return Number.isInteger(ms) && ms >= 0 && ms <= 3_600_000
    }),
  )
})
