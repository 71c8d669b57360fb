/** The cache is bounded in bytes, too: a platform decides how large its answers are. */
import { expect, test } from 'vitest'
import { secret } from '../../src/lib/secret.ts'
import { createAnswerCache } from '../../src/tokens/cache.ts'

const MIB = 1024 * 1024
const answer = (size: number) => [{ token: secret('a'.repeat(size)), public_metadata: {} }]

function keptOf(sizes: readonly number[], answerOf: (size: number) => unknown): number {
  const cache = createAnswerCache<unknown>({ seconds: 30, entries: 10_000 }, () => 0)
  for (const [n, size] of sizes.entries()) cache.keep(String(n), 0, answerOf(size))
  const kept = sizes.filter((_, n) => cache.get(String(n)) !== undefined).length
  cache.clear()
  return kept
}

test.each([
  ['tokens', answer],
  ['metadata', (size: number) => [{ public_metadata: { deep: [{ text: 'a'.repeat(size) }] } }]],
  ['many small values', (size: number) => [{ scopes: Array.from({ length: size / 64 }, (_, n) => String(n)) }]],
])('answers of 1 MiB in %s: the oldest make room', (_, answerOf) => {
  const kept = keptOf(Array<number>(200).fill(MIB), answerOf)
  expect(kept).toBeGreaterThanOrEqual(16)
  expect(kept).toBeLessThanOrEqual(80)
})

test('answers of an ordinary size are bounded by their number alone', () => {
  expect(keptOf(Array<number>(10_000).fill(500), answer)).toBe(10_000)
})

test('an answer that is larger than all of the cache is not kept', () => {
  expect(keptOf([40 * MIB], answer)).toBe(0)
})
