/** Every secret that leaves has its fingerprint in a record, whatever else the operation reads of the same account. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAudit } from '../../src/audit/log.ts'
import { genesis } from '../../src/audit/record.ts'
import { createTrail, fieldSet } from '../../src/audit/trail.ts'
import type { AuditTrail } from '../../src/audit/trail.ts'
import type { Decision } from '../../src/auth/policy.ts'
import { secret } from '../../src/lib/secret.ts'
import { secretFields } from '../../src/tokens/types.ts'
import type { SecretField, SubjectToken } from '../../src/tokens/types.ts'
import { token } from '../../src/upstreams/kit.ts'
import { makeFolder } from '../kit/folder.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'
import { auditKey, keys, readsIn, recordsOf } from './chain.ts'
import type { Recorded } from './chain.ts'
import { auditPath } from './graph.ts'

type Note = (token: SubjectToken, field: SecretField, decision?: Decision) => void

/** The decisions of one operation, as reads. */
async function recorded(decide: (record: Note) => void): Promise<Recorded[]> {
  const lines: string[] = []
  const sink = {
    head: genesis,
    recovered: [],
    opening: [],
    closing: () => [],
    append: (text: Buffer) => Promise.resolve(void lines.push(...text.toString().trim().split('\n'))),
    close: () => Promise.resolve(),
  }
  const viewer = { kind: 'anonymous' } as const
  const operation = { viewer, requestId: 'r', operationName: null, traceId: null }
  const trail: AuditTrail = createTrail(createAudit(sink, keys), operation)
  decide((token, field, decision = allowed) => {
    trail.recordToken(token, fieldSet(field), decision)
  })
  await trail.commit()
  return lines.flatMap(readsIn)
}

const allowed = { allowed: true, reason: 'owner' } as const

/** A token of `user_1` at Google with this value in the field. */
function tokenOf(
  account: string,
  values: Readonly<Partial<Record<SecretField, string>>>,
  expiresAt: number | null = null,
) {
  const secretOf = (field: SecretField) => (values[field] === undefined ? null : secret(values[field]))
  const row = token({
    external_account_id: account,
    token: secret(values.token ?? 'unread'),
    token_secret: secretOf('token_secret'),
    id_token: secretOf('id_token'),
    expires_at: expiresAt,
    provider: 'google',
  })
  return {
    subject: 'user_1',
    token: row,
    readAt: 1_700_000_000,
    auditTexts: [],
    texts: new Map(),
  } satisfies SubjectToken
}

const fingerprintsOf = (records: readonly Recorded[]) =>
  records.flatMap(({ fingerprints }) => Object.values(fingerprints))

describe('a trail', () => {
  it('has a record for each of two tokens of one account, each with its own expiry', async () => {
    const records = await recorded((record) => {
      record(tokenOf('eac_1', { token: 'a', id_token: 'ida' }, 1000), 'token')
      record(tokenOf('eac_1', { token: 'a', id_token: 'ida' }, 1000), 'id_token')
      record(tokenOf('eac_1', { token: 'b' }, 2000), 'token')
      record(tokenOf('eac_1', { token: 'a', id_token: 'ida' }, 1000), 'token')
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
      record(tokenOf(`${long}1`, { token: 'a' }), 'token')
      record(tokenOf(`${long}2`, { token: 'b' }), 'token')
    })
    expect(records.map(({ account }) => account)).toEqual(['x'.repeat(512), 'x'.repeat(512)])
    expect(new Set(records.map(({ account_sha256 }) => account_sha256)).size).toBe(2)
    expect(fingerprintsOf(records)).toHaveLength(2)
  })

  it('never loses a secret, in any order of any fields of any accounts', async () => {
    const read = fc.record({
      field: fc.constantFrom(...secretFields),
      account: fc.constantFrom('a', 'b', 'x'.repeat(512), `${'x'.repeat(512)}y`),
      value: fc.constantFrom('1', '2', '3'),
      expiresAt: fc.constantFrom(null, 1000, 2000),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(read, { maxLength: 30 }), async (reads) => {
        const records = await recorded((record) => {
          for (const { field, account, value, expiresAt } of reads)
            record(tokenOf(account, { [field]: value }, expiresAt), field)
        })
        for (const { field, account, value, expiresAt } of reads) {
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
