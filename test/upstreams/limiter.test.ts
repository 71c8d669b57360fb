import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFairQueue, createRateWindow } from '../../src/upstreams/http/rate.ts'

test('no span of the platform ever sees more, however long requests are on their way (docs/promises.md R7)', () => {
  const request = fc.record({
    after: fc.integer({ min: 0, max: 400 }),
    there: fc.integer({ min: 0, max: 900 }),
    back: fc.integer({ min: 0, max: 900 }),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(request, { maxLength: 60 }), (requests, sent) => {
      const window = createRateWindow({ requests, perSeconds: 1 })
      const arrivals: number[] = []
      const answers: number[] = []
      let now = 0
      for (const { after, there, back } of sent) {
        now += after
        for (;;) {
          const due = Math.min(...answers)
          // While the platform owes an answer, it is unknown when a slot becomes free.
          if (due <= now || (window.startOf(0, now) > now && due < Infinity && due <= window.startOf(0, now))) {
            now = Math.max(now, due)
            answers.splice(answers.indexOf(due), 1)
            window.release(due, true)
          } else if (window.startOf(0, now) > now) now = window.startOf(0, now)
          else break
        }
        window.acquire()
        arrivals.push(now + there)
        answers.push(now + there + back)
      }
      arrivals.sort((a, b) => a - b)
      for (const [n, first] of arrivals.entries())
        expect((arrivals[n + requests] ?? Infinity) - first).toBeGreaterThanOrEqual(1000)
    }),
  )
})

test('tells when a request can start that has others before it', () => {
  const window = createRateWindow({ requests: 2, perSeconds: 1 })
  expect([0, 1, 2, 3, 4].map((position) => Math.round(window.startOf(position, 0)))).toEqual([0, 0, 1001, 1001, 2002])
  window.acquire()
  window.release(500, true)
  expect([0, 1, 2].map((position) => Math.round(window.startOf(position, 600)))).toEqual([600, 1501, 1601])
  expect(window.startOf(1, 1600)).toBe(1600)
})

test('a request that was never sent takes no slot', () => {
  const window = createRateWindow({ requests: 1, perSeconds: 10 })
  window.acquire()
  expect(window.startOf(0, 0)).toBeGreaterThan(0)
  window.release(1, false)
  expect(window.startOf(0, 1)).toBe(1)
})

const viewer = fc.constantFrom('a', 'b', 'c', 'd')

test('viewers are served in turn, and the items of each in order', () => {
  const queue = createFairQueue<string>()
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push(item[0]!, item)
  expect(Array.from({ length: 7 }, () => queue.shift())).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3', undefined])
})

test('`ahead` is the number of items that come first', () => {
  const action = fc.oneof(fc.record({ push: viewer }), fc.constant('shift' as const), fc.constant('delete' as const))
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), viewer, (actions, last) => {
      const queue = createFairQueue<{ viewer: string }>()
      for (const step of actions) {
        if (step === 'shift') queue.shift()
        else if (step === 'delete') {
          const [item] = queue
          if (item !== undefined) queue.delete(item.viewer, item)
        } else queue.push(step.push, { viewer: step.push })
      }
      const ahead = queue.ahead(last)
      const mine = { viewer: last }
      queue.push(last, mine)
      const left = queue.size
      const served = []
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) served.push(item)
      expect(served.indexOf(mine)).toBe(ahead)
      expect(served).toHaveLength(left)
      expect(queue.size).toBe(0)
    }),
  )
})
