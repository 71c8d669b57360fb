/**
 * Half an hour in which a provider fails in every way, then an hour with a wrong client secret, on a clock that the test
 * moves (docs/promises.md R5): nobody has to consent again, few requests go out, and everything recovers by itself.
 */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Exchanged } from '../../../src/upstreams/vault/clients/token-endpoint.ts'
import { testFolder } from '../../kit/folder.ts'
import { HOUR_MS, openSimulation, providerNamed } from './simulation.ts'

const MINUTE_MS = 60_000
const STEP_MS = 5000

const failure = (kind: 'rate' | 'client_bad', code: string): Exchanged => ({
  ...{ kind: 'error', class: kind, code, claims: null },
  retryAfterMs: kind === 'rate' ? 2000 : null,
})
const ambiguous = (code: string): Exchanged => ({ kind: 'ambiguous', code, retryAfterMs: null, refreshToken: null })

/** 500, 429, a page of HTML, a certificate that is not accepted, a timeout. */
const troubles: readonly Exchanged[] = [
  ambiguous('server_error'),
  failure('rate', 'slow_down'),
  ambiguous('http_200'),
  { kind: 'not_sent', reason: 'CERT_HAS_EXPIRED' },
  ambiguous('timeout'),
]

async function openFleet(id: string, accounts: number) {
  const simulation = await openSimulation(join(testFolder().path, 'v.sqlite'), providerNamed(id))
  onTestFinished(() => simulation.close())
  const { store } = simulation
  await simulation.connect(Array.from({ length: accounts }, (_, n) => `u${String(n)}`))
  // All of them are in use, and over.
  await store.sql.run(
    'UPDATE accounts SET last_used_ms = $1, refresh_due_ms = $1, expires_at = $2, issued_at_ms = $1 - 4000000, lifetime_seconds = 3600',
    [simulation.now(), Math.floor(simulation.now() / 1000)],
  )
  async function rounds(spanMs: number, stepMs = STEP_MS): Promise<void> {
    const end = simulation.now() + spanMs
    while (simulation.now() < end) {
      await simulation.setTime(simulation.now() + stepMs)
      await simulation.worker.round()
    }
  }
  const states = async () =>
    Object.fromEntries(
      (
        await store.sql.run<{ state: string; rows: number }>(
          'SELECT state, count(*) AS rows FROM accounts GROUP BY state',
        )
      ).map(({ state, rows }) => [state, rows]),
    )
  const expired = async (): Promise<number> => {
    const seconds = Math.floor(simulation.now() / 1000)
    const [row] = await store.sql.run<{ rows: number }>(
      'SELECT count(*) AS rows FROM accounts WHERE expires_at <= $1',
      [seconds],
    )
    return row?.rows ?? 0
  }
  return { ...simulation, rounds, states, expired }
}

test('ten thousand accounts that are due: no state changes, at most 60 requests in the hour of the wrong secret', async () => {
  const fleet = await openFleet('google', 10_000)
  let n = 0
  fleet.played.setTrouble(() => troubles[n++ % troubles.length] ?? ambiguous('reset'))
  await fleet.rounds(30 * MINUTE_MS)
  expect(await fleet.states()).toEqual({ ACTIVE: 10_000 })

  fleet.played.setTrouble(() => failure('client_bad', 'invalid_client'))
  // What the trouble before asked to wait for is over.
  await fleet.setTime(fleet.now() + 10 * MINUTE_MS)
  const before = fleet.played.counted.posts
  await fleet.rounds(HOUR_MS)
  const posts = fleet.played.counted.posts - before
  expect(posts).toBeLessThanOrEqual(60)
  expect(posts).toBeGreaterThanOrEqual(40)
  expect(await fleet.states()).toEqual({ ACTIVE: 10_000 })
  expect(fleet.warnings.filter((message) => message.includes('refuses the client'))).toHaveLength(1)

  fleet.played.setTrouble(null)
  const healed = fleet.now()
  while ((await fleet.expired()) > 0 && fleet.now() < healed + 2 * HOUR_MS) await fleet.rounds(MINUTE_MS, 500)
  expect(await fleet.expired()).toBe(0)
  expect(fleet.warnings).toContain('the provider accepts the client again')
}, 120_000)

test('at a provider that rotates, and ends a grant when a token comes twice: nobody has to consent again', async () => {
  const fleet = await openFleet('airtable', 200)
  let n = 0
  fleet.played.setTrouble(() => troubles[n++ % troubles.length] ?? ambiguous('reset'))
  await fleet.rounds(30 * MINUTE_MS)
  fleet.played.setTrouble(null)
  await fleet.rounds(30 * MINUTE_MS)
  expect(await fleet.states()).toEqual({ ACTIVE: 200 })
  expect(await fleet.expired()).toBe(0)
}, 60_000)
