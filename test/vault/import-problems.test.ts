/** Every kind of bad record is named by line and field, and no message shows a value. */
import { describe, expect, test } from 'vitest'
import { importText, newVault, open, record, toLines } from './helpers.ts'

const CANARY = 'canary'

/** The problems that are printed for an input, without the closing sentence. */
async function problems(text: string | Uint8Array): Promise<string[]> {
  const { code, out, err } = await importText(await open(newVault()), text)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).not.toContain(CANARY)
  return err
    .trimEnd()
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace('accounts.ndjson: ', ''))
}

const without = (field: string) => Object.fromEntries(Object.entries(record()).filter(([name]) => name !== field))
const deep = JSON.parse(`${'{"a":'.repeat(500)}1${'}'.repeat(500)}`) as unknown

test.each([
  ['user_id', '"user_id":"user_b","user_id":"user_a"', 'user_id: is named twice'],
  ['an escaped name', '"token":"canary","t\\u006fken":"canary"', 'token: is named twice'],
  ['a name that may be a secret', '"canary with blanks":1,"canary with blanks":2', 'a field: is named twice'],
])('a repeated field is refused: %s', async (_name, members, problem) => {
  const line = JSON.stringify(record()).replace('{', `{${members},`)
  const [only] = await problems(line)
  expect(only).toContain(problem)
})

const cases: [string, unknown, string][] = [
  ['no user', without('user_id'), 'user_id: is missing'],
  ['no token', without('token'), 'token: is missing'],
  ['no provider', without('provider'), 'provider: is missing'],
  ['no account', without('external_account_id'), 'external_account_id: is missing'],
  ['an empty token', record({ token: '' }), 'token: is empty'],
  ['a token with a line break', record({ token: 'canary\n' }), 'token: holds characters other than printable ASCII'],
  ['a token that is no string', record({ token: 17 }), 'token: expected a string'],
  ['a token that is null', record({ token: null }), 'token: expected a string'],
  [
    'a user with a line break',
    record({ user_id: 'canary\n..' }),
    'user_id: it must be well-formed Unicode without control characters.',
  ],
  ['an empty account', record({ external_account_id: '' }), 'external_account_id: it is empty.'],
  ['a long user', record({ user_id: CANARY.repeat(50) }), 'user_id: it has 300 characters; at most 255 are allowed.'],
  ['a provider that is none', record({ provider: 'canary\tcanary' }), 'provider: it must be a provider name such as'],
  ['another object', record({ object: CANARY }), 'object: expected oauth_access_token'],
  ['an expiry as text', record({ expires_at: CANARY }), 'expires_at: expected an integer or null'],
  ['a fractional expiry', record({ expires_at: 1.5 }), 'expires_at: expected an integer or null'],
  ['a negative expiry', record({ expires_at: -1 }), 'expires_at: is out of range'],
  ['an expiry beyond integers', record({ expires_at: 1e300 }), 'expires_at: is out of range'],
  ['metadata that is a list', record({ public_metadata: [CANARY] }), 'public_metadata: expected an object'],
  ['metadata that is too deep', record({ public_metadata: deep }), 'public_metadata: is nested more than 64 deep'],
  ['a label that is a number', record({ label: 5 }), 'label: expected a string'],
  ['half a surrogate pair', record({ label: 'canary\ud800' }), 'label: is not valid Unicode text'],
  ['scopes as text', record({ scopes: CANARY }), 'scopes: expected an array or null'],
  ['a scope that is no string', record({ scopes: ['a', 5] }), 'scopes[1]: expected a string'],
  ['an empty scope', record({ scopes: [''] }), 'scopes[0]: is empty'],
  ['a refresh token that is a list', record({ refresh_token: [CANARY] }), 'refresh_token: expected a string'],
  ['an image that is a script', record({ image_url: 'javascript:canary' }), 'image_url: expected an https or http URL'],
  ['an unknown field', record({ refreshtoken: CANARY }), 'refreshtoken: unknown field; did you mean refresh_token?'],
  ['an unknown field like no other', record({ zzzzzz: CANARY }), 'zzzzzz: unknown field'],
  ['a secret as the name of a field', record({ 'canary/token': 1 }), 'unknown field with an unusual name'],
  [
    'a field named __proto__',
    JSON.parse(`{"__proto__": 1, ${JSON.stringify(record()).slice(1)}`),
    '__proto__: unknown field',
  ],
  ['a list', [], 'expected an object'],
  ['a number', 5, 'expected an object'],
  ['null', null, 'expected an object'],
]

describe('a record with', () => {
  test.each(cases)('%s, as a line', async (_, bad, problem) => {
    const [only, ...others] = await problems(toLines([record({ user_id: 'user_0' }), bad]))
    expect(only).toContain(`line 2: ${problem}`)
    expect(others).toEqual([])
  })

  test.each(cases)('%s, in an array', async (_, bad, problem) => {
    const text = `[\n\n${JSON.stringify(record({ user_id: 'user_0' }), null, 1)},\n\n\n${JSON.stringify(bad)}\n]`
    const line = text.split('\n').length - 1
    const [only, ...others] = await problems(text)
    expect(only).toContain(`line ${String(line)}, record 2: ${problem}`)
    expect(others).toEqual([])
  })
})

test('every problem of every record is named', async () => {
  const text = toLines([record({ token: '', label: 1 }), record({ user_id: 'user_2' }), without('user_id')])
  expect(await problems(text)).toEqual([
    'line 1: token: is empty',
    'line 1: label: expected a string',
    'line 3: user_id: is missing',
  ])
})

test('at most 50 problems are printed, and the rest are counted', async () => {
  const { err } = await importText(
    await open(newVault()),
    toLines(Array.from({ length: 70 }, () => record({ token: '' }))),
  )
  const lines = err.trimEnd().split('\n')
  expect(lines).toHaveLength(52)
  expect(lines.slice(49)).toEqual([
    'accounts.ndjson: line 50: token: is empty',
    '… and 20 more.',
    'Nothing was imported: 70 of 70 records not valid.',
  ])
})

test('a repeated account names both lines, however its provider is written', async () => {
  const text = `\n${toLines([record(), record({ user_id: 'user_2' })])}\n${toLines([record({ provider: 'google' })])}`
  expect(await problems(text)).toEqual([
    'line 5: external_account_id: the same user_id, provider and external_account_id stand on line 2',
  ])
})

const good = JSON.stringify(record())
const endless = good.replace(
  '"public_metadata":{}',
  `"public_metadata":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`,
)
const broken: [string, string | Uint8Array, string][] = [
  ['a line that is no JSON', `${good}\ncanary {\n`, 'line 2: is not valid JSON; expected one object on each line'],
  [
    'an object on several lines',
    '{\n"token": "canary"}',
    'line 1: is not valid JSON; expected one object on each line',
  ],
  ['an element that is no JSON', `[${good},\n canary]`, 'line 2, record 2: is not valid JSON'],
  ['two values in an element', `[${good},\n{"token": 1 2}]`, 'line 2, record 2: is not valid JSON'],
  ['brackets that do not match', `[${good},\n{"a": [}]]`, 'line 2, record 2: is not valid JSON'],
  ['a comma at the end', `[${good},\n]`, 'line 2, record 2: a record is missing between two commas'],
  ['two commas', `[${good},\n,${good}]`, 'line 2, record 2: a record is missing between two commas'],
  ['an array that does not end', `[${good},\n{"token": "canary`, 'line 2, record 2: the array does not end'],
  ['text after the array', `[${good}]\n\ncanary`, 'line 3: there is text after the end of the array'],
  [
    'bytes that are no UTF-8',
    Buffer.concat([Buffer.from(`${good}\n{"label": "`), Buffer.of(0xff), Buffer.from('"}')]),
    'line 2: is not valid UTF-8',
  ],
  ['a stack of objects', endless, 'line 1: public_metadata: is nested more than 64 deep'],
  ['UTF-16', Buffer.from(`\ufeff${good}`, 'utf16le'), 'line 1: is not valid UTF-8'],
  [
    'a record without an end',
    `${good}\n{"token": "${CANARY.repeat(200_000)}`,
    'line 2: the record is longer than 1048576 characters',
  ],
  [
    'an endless element',
    `[${good},\n{"token": "${CANARY.repeat(200_000)}`,
    'line 2, record 2: the record is longer than 1048576',
  ],
]

test.each(broken)('%s', async (_, text, problem) => {
  const [first] = await problems(text)
  expect(first).toContain(problem)
})

test('brackets, commas, quotes and line ends inside strings do not cut an element', async () => {
  const label = '],[{}\\"\\\\ \u2028 "} , ]'
  const text = `[${JSON.stringify(record({ label }))},\n${JSON.stringify(record({ label, token: '' }))}]`
  expect(await problems(text)).toEqual(['line 2, record 2: token: is empty'])
})
