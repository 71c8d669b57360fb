import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFairQueue } from '../../src/upstreams/http/fair-queue.ts'

const viewer = fc.constantFrom('a', 'b', 'c', 'd')

test('viewers are served in turn, each in the order of its own items', () => {
  const queue = createFairQueue<string>()
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push(item[0]!, item)
  expect(Array.from({ length: 7 }, () => queue.shift())).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3', undefined])
})

test('what it says of the items ahead is what happens', () => {
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
