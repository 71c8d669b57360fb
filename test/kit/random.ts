/**
 * Chance that can be repeated. The run chooses one seed (`vitest.config.ts`) and prints it; `TEST_SEED=n` repeats a run.
 * Property tests start from the same seed (`test/kit/setup.ts`).
 */
export const SEED_VARIABLE = 'TEST_SEED'

export const seed = Number(process.env[SEED_VARIABLE] ?? Math.floor(Math.random() * 2 ** 31))

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
