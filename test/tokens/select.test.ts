/** What of an upstream's answer is handed out: the rows that were asked for, that can be read, and that live. */
import { expect, test } from 'vitest'
import { CodedError } from '../../src/errors.ts'
import { secret } from '../../src/lib/secret.ts'
import { graphId } from '../../src/tokens/accounts.ts'
import { createSource } from '../../src/tokens/source.ts'
import type { ExternalAccount, OAuthAccessToken, Routing, TokenRequest } from '../../src/tokens/types.ts'
import { account, token } from '../../src/upstreams/kit.ts'
import type { Upstream } from '../../src/upstreams/platform.ts'
import { callerOf } from './clock.ts'

const NOW = 1_800_000_000
const caller = callerOf(new AbortController().signal)

function row(given: Partial<OAuthAccessToken> = {}): OAuthAccessToken {
  return token({ external_account_id: 'a', provider: 'google', token: secret('invented'), ...given })
}

interface Held extends Partial<Pick<Upstream, 'autoRefreshes' | 'ignoresPrefix' | 'uniqueAccountIds'>> {
  readonly rows?: readonly OAuthAccessToken[]
  readonly accounts?: readonly ExternalAccount[]
  readonly routing?: Routing
}

/** Also tells by which names the platform was asked. */
function open({ rows = [], accounts = [], routing = { routes: {}, default: 'held' }, ...given }: Held) {
  const asked: string[] = []
  const upstream: Upstream = {
    name: 'held',
    platform: 'held',
    autoRefreshes: false,
    ...given,
    tokens: {
      kind: 'one',
      one: ({ provider }) => {
        asked.push(provider)
        return Promise.resolve(rows)
      },
    },
    accounts: { kind: 'one', one: () => Promise.resolve(accounts) },
    close: () => Promise.resolve(),
  }
  return { asked, source: createSource([upstream], routing, { now: () => NOW }) }
}

/** The ids of the accounts, or the code of the error. */
async function select(held: Held, request: Partial<TokenRequest> = {}): Promise<readonly string[] | string> {
  const whole = { userId: 'user_1', provider: 'google', externalAccountId: null, minValiditySeconds: 60, ...request }
  try {
    return (await open(held).source.tokens(whole, caller)).map(({ token }) => token.external_account_id)
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
}

test('a row of another provider is not handed out under the name that was asked for', async () => {
  const other = row({ external_account_id: 'b', provider: 'github' })
  expect(await select({ rows: [other] })).toBe('UPSTREAM_PROTOCOL_ERROR')
  expect(await select({ rows: [other, row()] })).toEqual(['a'])
  expect(await select({ rows: [] })).toEqual([])
})

test.each([
  ['a refreshing platform', true, 1, ['a']],
  ['a refreshing platform', true, 0, 'REAUTHORIZATION_REQUIRED'],
  ['a refreshing platform', true, -3600, 'REAUTHORIZATION_REQUIRED'],
  ['a store', false, 61, ['a']],
  ['a store', false, 60, 'REAUTHORIZATION_REQUIRED'],
  ['a store', false, -1, 'REAUTHORIZATION_REQUIRED'],
])('%s, a token that lives %d seconds', async (_, autoRefreshes, left, expected) => {
  expect(await select({ autoRefreshes, rows: [row({ expires_at: NOW + left })] })).toEqual(expected)
})

test.each([
  ['token', { token: secret('a\nb') }],
  ['token_secret', { token_secret: secret('a\r') }],
  ['external_account_id', { external_account_id: 'b\n' }],
])('a control character in %s is the error of that account', async (_, given) => {
  const odd = row({ external_account_id: 'odd', ...given })
  expect(await select({ rows: [odd] })).toBe('UPSTREAM_PROTOCOL_ERROR')
  expect(await select({ rows: [odd, row()] })).toEqual(['a'])
  expect(await select({ rows: [odd, row()] }, { externalAccountId: odd.external_account_id })).toBe(
    'UPSTREAM_PROTOCOL_ERROR',
  )
})

test('what only decorates degrades: controls are taken out of names, and no broken ID token leaves', async () => {
  const odd = { label: 'a\u202eb\u0000', provider_user_id: '1\n' }
  const { source } = open({
    rows: [row({ ...odd, id_token: secret('a\nb') })],
    accounts: [
      account({ id: 'a', provider: 'google', ...odd, username: '\u0007', email_address: 'jo@example.com' }),
      account({ id: 'b\n', provider: 'google' }),
      account({ id: 'c', provider: 'goo\u0000gle' }),
    ],
  })
  const request = { userId: 'user_1', provider: 'google', externalAccountId: null, minValiditySeconds: 0 }
  const [shown] = await source.tokens(request, caller)
  expect([shown?.token]).toMatchObject([{ label: 'ab', provider_user_id: '1', id_token: null }])
  const [list] = await source.accounts('user_1', caller)
  expect(list?.accounts).toMatchObject([
    { id: 'a', label: 'ab', provider_user_id: '1', username: null, email_address: 'jo@example.com' },
  ])
})

test('an account is found by its id at the platform and by its id in the graph, and by no other', async () => {
  const rows = [row(), row({ external_account_id: 'acct_b' })]
  const ids = ['a', 'acct_b'].map((id) => [id, graphId('held', 'user_1', 'google', id)])
  for (const [id, inGraph] of ids)
    for (const externalAccountId of [id!, inGraph!]) expect(await select({ rows }, { externalAccountId })).toEqual([id])
  for (const externalAccountId of ['c', graphId('held', 'user_2', 'google', 'a'), graphId('held', 'user_1', 'x', 'a')])
    expect(await select({ rows }, { externalAccountId })).toEqual([])
})

test('ids in the graph differ by upstream, user, provider and account, however these are cut', () => {
  const parts = ['a', 'b', 'ab', '', 'a","b', 'a\\']
  const quads = parts.flatMap((a) =>
    parts.flatMap((b) => parts.flatMap((c) => parts.map((d) => [a, b, c, d] as const))),
  )
  expect(new Set(quads.map((quad) => graphId(...quad))).size).toBe(parts.length ** 4)
})

test.each([
  ['with the prefix or without it, where the platform makes no difference', true, 'google'],
  ['as it is, where the platform has both', false, 'oauth_google'],
])("`as` names the platform's own name %s", async (_, ignoresPrefix, name) => {
  const routing = { routes: { work: { upstream: 'held', as: 'oauth_google' } }, default: null }
  const { asked, source } = open({ ignoresPrefix, routing, accounts: [account({ id: 'a', provider: name })] })
  const request = { userId: 'user_1', provider: 'work', externalAccountId: null, minValiditySeconds: 0 }
  await source.tokens(request, caller)
  expect(asked).toEqual([name])
  expect((await source.accounts('user_1', caller))[0]?.accounts).toMatchObject([{ provider: 'work' }])
})
