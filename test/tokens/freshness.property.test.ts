import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CodedError } from '../../src/errors.ts'
import { openClocked, row, type Rows } from './clock.ts'

/** What the platform would say now. */
const holding = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.integer({ min: -100, max: 4000 }), { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant([] as number[]) },
  { weight: 1, arbitrary: fc.constantFrom('REAUTHORIZATION_REQUIRED' as const, 'UPSTREAM_UNAVAILABLE' as const) },
)

const step = fc.record({
  passes: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 7 })),
  /** The wall clock is set: a leap second, a correction, a machine that slept. */
  jumps: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: -300, max: 300 }) },
  ),
  platform: holding,
  account: fc.constantFrom(null, 'account 0', 'account 1'),
  min_validity_seconds: fc.constantFrom(0, 60, 300, 3600),
})

test('no answer from memory holds a token past its validity, nor is it older than it may be (docs/promises.md R12)', async () => {
  let remembered = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, autoRefreshes) => {
      const platform = openClocked({ seconds: 30, upstream: { autoRefreshes } })
      const { clock, state } = platform
      let asked = { at: -Infinity, answer: [] as Rows | Error | null }
      for (const { passes, jumps, platform: held, account, min_validity_seconds } of steps) {
        platform.pass(passes)
        clock.wall += jumps
        state.answer = Array.isArray(held)
          ? held.map((lives, n) => row(`account ${String(n)}`, clock.wall + lives))
          : new CodedError(held)
        const before = state.calls.length
        const got = await platform
          .ask({ externalAccountId: account, minValiditySeconds: min_validity_seconds })
          .catch((error: unknown) => error)
        if (state.calls.length > before) {
          asked = { at: clock.mono, answer: state.answer }
          continue
        }
        remembered++
        const age_ms = clock.mono - asked.at
        expect(age_ms).toBeLessThan(30_000)
        if (got instanceof Error) {
          expect(got).toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' })
          expect(age_ms).toBeLessThan(5000)
          continue
        }
        const rows = got as Rows
        if (rows.length === 0) expect(age_ms).toBeLessThan(5000)
        for (const { expires_at } of rows) expect(expires_at! - min_validity_seconds).toBeGreaterThan(clock.wall)
      }
    }),
    { numRuns: 500 },
  )
  expect(remembered).toBeGreaterThan(500)
}, 60_000)
