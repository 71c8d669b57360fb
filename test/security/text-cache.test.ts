import { expect, test } from 'vitest'
import { createCache } from '../../src/lib/cache.ts'

test('forgets what was not asked for longest, and keeps no long text', () => {
  const cache = createCache<number>({ entries: 2, characters: 3 })
  cache.set('a', 1)
  cache.set('b', 2)
  expect(cache.get('a')).toBe(1)
  cache.set('c', 3)
  cache.set('long', 4)
  expect(['a', 'b', 'c', 'long'].map((text) => cache.get(text))).toStrictEqual([1, undefined, 3, undefined])
  cache.set('a', 5)
  expect([cache.get('a'), cache.get('c')]).toStrictEqual([5, 3])
})
