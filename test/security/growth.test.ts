/** Work on a caller's text is linear (docs/promises.md S11): each place with each piece of text. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bodyPlaces, headPlaces, judgeGrowth, pieces } from './fuzz/growth.ts'
import { startDoor } from './support.ts'
import type { Door } from './support.ts'

// Four times the default: what is quadratic shows.
const BODY_BYTES = 262_144
const HEADER_BYTES = 65_536

let door: Door
beforeAll(async () => {
  door = await startDoor({ limits: { body_bytes: BODY_BYTES, header_bytes: HEADER_BYTES } })
  for (const place of [...Object.values(bodyPlaces), ...Object.values(headPlaces)]) await place(door, 'x'.repeat(1000))
})
afterAll(() => door[Symbol.asyncDispose]())

describe.each(Object.entries(bodyPlaces))('in %s', (_, place) => {
  test.each(pieces)('%j', (piece) => judgeGrowth(door, place, piece, BODY_BYTES * 0.9))
})

describe.each(Object.entries(headPlaces))('in %s', (_, place) => {
  test.each(pieces)('%j', (piece) => judgeGrowth(door, place, piece, HEADER_BYTES / 4))
})

test('the judge sees work that is quadratic', async () => {
  const quadratic = async (_: Door, text: string): Promise<void> => {
    ;/ by .*!$/s.test(text)
    await Promise.resolve()
  }
  // It is lenient where the machine is busy, and so it may take a second look.
  const verdicts: unknown[] = []
  while (verdicts.length < 5 && !String(verdicts.at(-1)).includes('times as long'))
    verdicts.push(await judgeGrowth(door, quadratic, ' by ', 32_768).catch((error: unknown) => error))
  expect(String(verdicts.at(-1))).toContain('times as long')
})
