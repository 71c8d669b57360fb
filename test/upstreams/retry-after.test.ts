import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRetryAfter } from '../../src/upstreams/retry-after.ts'

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

test('any value is a whole number of milliseconds within an hour', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.integer().map(String)), (value) => {
      const ms = parseRetryAfter(value, now)
      return Number.isInteger(ms) && ms >= 0 && ms <= 3_600_000
    }),
  )
})
