/** Every secret that leaves has its fingerprint in a record, whatever else the operation reads of the same account. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAudit } from '../../src/audit/log.ts'
import { genesis } from '../../src/audit/record.ts'
import type { AuditEntry, DecisionEntry } from '../../src/audit/record.ts'
import { createTrail } from '../../src/audit/trail.ts'
import { secret } from '../../src/lib/secret.ts'
import { secretFields } from '../../src/tokens/types.ts'
import { makeFolder } from '../kit/folder.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'
import { auditKey, keys, recordsOf } from './chain.ts'
import { auditPath } from './graph.ts'

/** The decisions of one operation, as records. */
async function recorded(decide: (record: ReturnType<typeof createTrail>['record']) => void): Promise<DecisionEntry[]> {
  const lines: string[] = []
  const sink = {
    head: genesis,
    recovered: [],
    opening: [],
    closing: () => [],
    append: (text: string) => Promise.resolve(void lines.push(...text.trim().split('\n'))),
    close: () => Promise.resolve(),
  }
  const viewer = { kind: 'anonymous' } as const
  const trail = createTrail(createAudit(sink, keys), { viewer, requestId: 'r', operationName: null, traceId: null })
  decide(trail.record)
  await trail.commit()
  return lines.map((line) => JSON.parse(line) as AuditEntry).filter((entry) => entry.event === 'decision')
}

const allowed = { allowed: true, reason: 'owner' } as const
const about = (account: string, value: string, expiresAt: number | null = null) => ({
  account,
  expiresAt,
  value: secret(value),
})
const access = { subject: 'user_1', provider: 'google' }
const fingerprintsOf = (records: readonly DecisionEntry[]) =>
  records.flatMap(({ fingerprints }) => Object.values(fingerprints))

describe('a trail', () => {
  it('has a record for each of two tokens of one account, each with its own expiry', async () => {
    const records = await recorded((record) => {
      record({ ...access, field: 'token' }, allowed, about('eac_1', 'a', 1000))
      record({ ...access, field: 'id_token' }, allowed, about('eac_1', 'ida', 1000))
      record({ ...access, field: 'token' }, allowed, about('eac_1', 'b', 2000))
      record({ ...access, field: 'token' }, allowed, about('eac_1', 'a', 1000))
    })
    const print = (value: string) => keys.fingerprint(secret(value))
    expect(records).toMatchObject([
      { account: 'eac_1', expires_at: 1000, fingerprints: { token: print('a'), id_token: print('ida') } },
      { account: 'eac_1', expires_at: 2000, fingerprints: { token: print('b') } },
    ])
  })

  it('tells accounts apart whose ids are equal in what a record holds', async () => {
    const long = 'x'.repeat(600)
    const records = await recorded((record) => {
      record({ ...access, field: 'token' }, allowed, about(`${long}1`, 'a'))
      record({ ...access, field: 'token' }, allowed, about(`${long}2`, 'b'))
    })
    expect(records.map(({ account }) => account)).toEqual(['x'.repeat(512), 'x'.repeat(512)])
    expect(new Set(records.map(({ account_sha256 }) => account_sha256)).size).toBe(2)
    expect(fingerprintsOf(records)).toHaveLength(2)
  })

  it('never loses a secret, in any order of any fields of any accounts', async () => {
    const read = fc.record({
      field: fc.constantFrom(...secretFields, 'metadata' as const),
      account: fc.constantFrom('a', 'b', 'x'.repeat(512), `${'x'.repeat(512)}y`),
      value: fc.constantFrom('1', '2', '3'),
      expiresAt: fc.constantFrom(null, 1000, 2000),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(read, { maxLength: 30 }), async (reads) => {
        const records = await recorded((record) => {
          for (const { field, account, value, expiresAt } of reads)
            record({ ...access, field }, allowed, about(account, value, expiresAt))
        })
        for (const { field, account, value, expiresAt } of reads) {
          if (field === 'metadata') continue
          const fingerprint = keys.fingerprint(secret(value))
          const matching = records.filter(
            (entry) =>
              entry.fingerprints[field] === fingerprint &&
              entry.account === account.slice(0, 512) &&
              entry.expires_at === expiresAt,
          )
          expect(matching.length).toBeGreaterThan(0)
        }
      }),
    )
  })
})

it('an operation that reads an account twice records both tokens, also where a page repeats the account', async () => {
  using folder = makeFolder()
  const audit = { sink: 'file', path: auditPath(folder), key: auditKey }
  await using graph = await startGraphOverClerk({}, { audit })
  const soon = Math.floor(Date.now() / 1000) + 900
  graph.clerk.addTokens('user_1', 'oauth_google', [
    { token: 'invented-token-a', external_account_id: 'eac_1', expires_at: soon },
    { token: 'invented-token-b', external_account_id: 'eac_1', expires_at: soon },
  ])
  const { data } = await graph.server.ask<{ user: { oauth_access_tokens: { token: string }[] } }>(
    '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }',
  )
  const left = new Set(data?.user.oauth_access_tokens.map(({ token }) => token))
  const records = recordsOf(audit.path)
  for (const token of left) expect(fingerprintsOf(records)).toContain(keys.fingerprint(secret(token)))
})
