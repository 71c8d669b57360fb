/** docs/promises.md S14: adding a grant never takes a right, removing one never gives one, and time only takes. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compileGrants, createAccess } from '../../src/auth/policy.ts'
import { authOptions } from '../../src/auth/options.ts'
import type { Grant } from '../../src/auth/options.ts'
import type { Viewer } from '../../src/auth/viewer.ts'
import { problemsOf } from '../config/sample.ts'
import { fields, providers, subjects } from './callers.ts'

const HOUR = 3_600_000
const instants = [0, 1, 2, 3].map((hours) => Date.UTC(2026, 0, 1) + hours * HOUR)

const grant: fc.Arbitrary<Grant> = fc.record(
  {
    providers: fc.subarray(['*', 'google', ...providers], { minLength: 1 }),
    fields: fc.subarray(['*', ...fields] as const),
    connect: fc.boolean(),
    users: fc.subarray(['*', 'acme_*', 'acme_1', 'other_1', 'other_'], { minLength: 1 }),
    expires_at: fc.constantFrom(...instants.map((ms) => new Date(ms).toISOString()), '2026-01-01T03:30:00+02:00'),
  },
  { requiredKeys: ['providers', 'fields', 'connect', 'users'] },
)

const cells = subjects.flatMap((subject) =>
  providers.flatMap((provider) => (['metadata', ...fields] as const).map((field) => ({ subject, provider, field }))),
)

/** What a service with these grants may read at an instant, cell by cell. */
function rights(grants: readonly Grant[], now: number): ReadonlySet<string> {
  const access = createAccess(authOptions.parse({}), () => now)
  const viewer: Viewer = { kind: 'service', id: 'a', grants: compileGrants(grants), schema: false }
  return new Set(cells.filter((cell) => access.decide(viewer, cell).allowed).map((cell) => JSON.stringify(cell)))
}

const isPart = (part: ReadonlySet<string>, whole: ReadonlySet<string>) => [...part].every((cell) => whole.has(cell))

const instant = fc.constantFrom(...instants.flatMap((ms) => [ms - 1, ms, ms + 1]))

it('gives at each instant the union of what each grant gives alone', () => {
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 5 }), grant, fc.nat(5), instant, (grants, added, position, now) => {
      const before = rights(grants, now)
      const after = rights(grants.toSpliced(position, 0, added), now)
      expect(after).toEqual(new Set([...before, ...rights([added], now)]))
      for (const index of grants.keys()) expect(isPart(rights(grants.toSpliced(index, 1), now), before)).toBe(true)
    }),
  )
})

it('is as wide as the same grant without an end until that instant, and nothing from it on', () => {
  fc.assert(
    fc.property(grant, instant, ({ expires_at, ...endless }, now) => {
      const ended = expires_at !== undefined && now >= Date.parse(expires_at)
      const limited = { ...endless, ...(expires_at !== undefined && { expires_at }) }
      expect(rights([limited], now)).toEqual(ended ? new Set() : rights([endless], now))
    }),
  )
})

it('only loses rights as time goes on', () => {
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 5 }), instant, instant, (grants, a, b) => {
      expect(isPart(rights(grants, Math.max(a, b)), rights(grants, Math.min(a, b)))).toBe(true)
    }),
  )
})

it('tells the audit, and not the caller, that a grant has ended', () => {
  const ended = {
    providers: ['*'],
    fields: ['*' as const],
    connect: true,
    users: ['*'],
    expires_at: '2026-01-01T00:00:00Z',
  }
  const access = createAccess(authOptions.parse({}), () => Date.UTC(2026, 0, 1))
  const viewer: Viewer = { kind: 'service', id: 'a', grants: compileGrants([ended]), schema: false }
  expect(access.decide(viewer, cells[0]!)).toEqual({ allowed: false, code: 'FORBIDDEN', reason: 'grant_expired' })
  expect(access.decideAccounts(viewer, 'acme_1')).toMatchObject({ code: 'FORBIDDEN', reason: 'grant_expired' })
  expect(access.readableProviders(viewer, 'acme_1')).toEqual(new Set())
})

it.each(['2027-01-31', '2027-01-31T00:00:00', '2027-02-30T00:00:00Z', 'tomorrow', '1800000000'])(
  'does not take %s for a date and time with its zone',
  (value) => {
    const text = `upstreams:
  clerk: { platform: clerk, secret_key: sk_test_invented }
auth:
  services: [ { id: a, key_sha256: ${'a'.repeat(64)}, grants: [ { providers: ["*"], expires_at: "${value}" } ] } ]
`
    expect(problemsOf(text)).toEqual([expect.stringMatching(/grants\[0\]\.expires_at: expected a date and time/)])
  },
)
