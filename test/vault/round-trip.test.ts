/** Any valid record comes back from the vault as it went in, and importing it again changes nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { reveal } from '../../src/lib/secret.ts'
import { bareProvider, wireProvider } from '../../src/tokens/ids.ts'
import { codePoint } from '../kit/text.ts'
import { importText, keyOf, newVault, open, openUpstream, toLines } from './helpers.ts'

const id = fc.stringMatching(/^[A-Za-z0-9_.:|@-]{0,80}[A-Za-z0-9]$/)
const text = fc.string({ unit: codePoint, maxLength: 40 }).filter((value) => !/[\0\ufffd]/.test(value))
const printable = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 200 })
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
const metadata = fc
  .dictionary(text, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5, noNullPrototype: true })
  // Through JSON, where -0 is 0; and keys that the vault strips on purpose are not round trips.
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>)
  .filter((value) => !/"(__proto__|constructor|prototype)":|\ufffd/.test(JSON.stringify(value)))

const record = fc.record({
  object: fc.constant('oauth_access_token'),
  external_account_id: id,
  provider_user_id: text,
  token: printable,
  expires_at: orNull(fc.integer({ min: 31_536_000, max: 253_402_300_799 })),
  provider: fc.stringMatching(/^oauth_[A-Za-z0-9_-]{1,40}$/),
  public_metadata: metadata,
  label: orNull(text),
  scopes: orNull(
    fc.array(
      text.filter((value) => value !== ''),
      { maxLength: 5 },
    ),
  ),
  token_secret: orNull(printable),
  id_token: orNull(printable),
})

test('every valid record round-trips through import and read', async () => {
  const options = newVault()
  const store = await open(options)
  const { tokens, call } = openUpstream(options)
  const check = async (
    documented: typeof record extends fc.Arbitrary<infer R> ? R : never,
    user_id: string,
    isArray: boolean,
  ) => {
    const stored = { ...documented, user_id }
    const file = isArray ? JSON.stringify([stored], null, 1) : toLines([stored])
    expect((await importText(store, file)).err).toBe('')
    const key = keyOf(user_id, bareProvider(documented.provider))
    const answer = (await tokens.many([key], call)).get(tokens.id(key))
    if (answer === undefined || answer instanceof Error) throw new Error('the key has no value')
    const found = answer.find((token) => token.external_account_id === documented.external_account_id)
    const { problem, health, ...fields } = found ?? { problem: null, health: null }
    expect(health).toMatchObject({ isExpiring: false, lastFailure: null })
    // Whatever is over has one.
    expect(problem === null || documented.expires_at !== null).toBe(true)
    const plain = found && {
      object: 'oauth_access_token',
      ...fields,
      provider: wireProvider(found.provider),
      token: reveal(found.token),
      token_secret: found.token_secret && reveal(found.token_secret),
      id_token: found.id_token && reveal(found.id_token),
    }
    expect(plain).toEqual(documented)
    expect((await importText(store, file)).out).toBe('1 record: 0 added, 0 changed, 1 unchanged.\n')
  }
  await fc.assert(fc.asyncProperty(record, id, fc.boolean(), check), { numRuns: 150 })
}, 60_000)
