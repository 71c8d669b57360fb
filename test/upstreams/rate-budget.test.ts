import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRateWindow } from '../../src/upstreams/http/limiter.ts'

test('no span of the platform ever sees more, however long requests are on their way (docs/promises.md R7)', () => {
  const request = fc.record({
    after: fc.integer({ min: 0, max: 400 }),
    there: fc.integer({ min: 0, max: 900 }),
    back: fc.integer({ min: 0, max: 900 }),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(request, { maxLength: 60 }), (requests, sent) => {
      const window = createRateWindow({ requests, per_seconds: 1 })
      const arrivals: number[] = []
      const answers: number[] = []
      let now = 0
      for (const { after, there, back } of sent) {
        now += after
        for (;;) {
          const due = Math.min(...answers)
          // While the platform owes an answer, nobody knows when a place becomes free.
          if (due <= now || (window.startOf(0, now) > now && due < Infinity && due <= window.startOf(0, now))) {
            now = Math.max(now, due)
            answers.splice(answers.indexOf(due), 1)
            window.leave(due, true)
          } else if (window.startOf(0, now) > now) now = window.startOf(0, now)
          else break
        }
        window.enter()
        arrivals.push(now + there)
        answers.push(now + there + back)
      }
      arrivals.sort((a, b) => a - b)
      for (const [n, first] of arrivals.entries())
        expect((arrivals[n + requests] ?? Infinity) - first).toBeGreaterThanOrEqual(1000)
    }),
  )
})

test('says when a request can start that has others before it', () => {
  const window = createRateWindow({ requests: 2, per_seconds: 1 })
  expect([0, 1, 2, 3, 4].map((position) => Math.round(window.startOf(position, 0)))).toEqual([0, 0, 1001, 1001, 2002])
  window.enter()
  window.leave(500, true)
  expect([0, 1, 2].map((position) => Math.round(window.startOf(position, 600)))).toEqual([600, 1501, 1601])
  expect(window.startOf(1, 1600)).toBe(1600)
})

test('a request that was never sent takes no place', () => {
  const window = createRateWindow({ requests: 1, per_seconds: 10 })
  window.enter()
  expect(window.startOf(0, 0)).toBeGreaterThan(0)
  window.leave(1, false)
  expect(window.startOf(0, 1)).toBe(1)
})
