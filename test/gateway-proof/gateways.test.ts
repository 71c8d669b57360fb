/** Both gateways sign with the code of docs/gateway-proof.md, and a captured request cannot be used again. */
import { readFileSync } from 'node:fs'
import { RemoteGraphQLDataSource } from '@apollo/gateway'
import { describe, expect, it } from 'vitest'
import { signedDataSource } from '../../docs/gateway-proof/apollo-gateway.ts'
import { useSignedRequests } from '../../docs/gateway-proof/hive-gateway.ts'
import { newServiceKey } from '../../src/auth/service-keys.ts'
import { apolloGatewayWith } from '../federation/apollo-gateway.ts'
import type { StartGateway } from '../federation/gateway.ts'
import { hiveGatewayWith } from '../federation/hive-gateway.ts'
import { buyers, mine, startBehindGateway, user } from './behind-gateway.ts'
import { KEY } from './support.ts'

const docs = new URL('../../docs/', import.meta.url)

type Key = typeof KEY

const gateways: [name: string, startWith: (key: Key) => StartGateway][] = [
  [
    'Apollo Gateway',
    (key) =>
      apolloGatewayWith(({ name, url = '' }) =>
        name === 'tokengraph' ? signedDataSource(url, key) : new RemoteGraphQLDataSource({ url }),
      ),
  ],
  ['Hive Gateway', (key) => hiveGatewayWith({ plugins: () => [useSignedRequests(key)] })],
]

describe.each(gateways)('%s', (_, startWith) => {
  it('reads entities and root fields, with one signature per request', async () => {
    await using behind = await startBehindGateway(startWith(KEY), { signatures: { keys: [KEY] } })
    const expected = { orders: [{ buyer: user('user_1') }, { buyer: user('user_2') }] }
    expect(await behind.ask(buyers)).toEqual({ data: expected })
    expect(await behind.ask(buyers)).toEqual({ data: expected })
    const jwt = await behind.issuer.sign({ sub: 'user_2' })
    expect(await behind.ask(mine, jwt)).toEqual({ data: { me: user('user_2') } })
    expect((await behind.ask(mine, null)).errors).toBeDefined()
    const signatures = behind.tap.passed.map(({ headers }) => headers.signature)
    expect(new Set(signatures).size).toBe(signatures.length)
    expect(signatures.length).toBeGreaterThanOrEqual(4)
  })

  it('keeps users apart who send the same operation concurrently', async () => {
    await using behind = await startBehindGateway(startWith(KEY), { signatures: { keys: [KEY] } })
    const users = ['user_1', 'user_2', 'user_1', 'user_2']
    const answers = await Promise.all(
      users.map(async (sub) => behind.ask(mine, await behind.issuer.sign({ sub, jti: crypto.randomUUID() }))),
    )
    expect(answers).toEqual(users.map((sub) => ({ data: { me: user(sub) } })))
  })

  it('sends nothing that can be replayed, or used for another user', async () => {
    await using behind = await startBehindGateway(startWith(KEY), { signatures: { keys: [KEY] } })
    const { proved, tap, issuer } = behind
    await behind.ask(mine, await issuer.sign({ sub: 'user_1' }))
    const [seen] = tap.passed
    const calls = proved.clerk.calls.length
    const other = `Bearer ${await issuer.sign({ sub: 'user_2' })}`
    for (const request of [
      seen!,
      { ...seen!, headers: { ...seen!.headers, authorization: other } },
      { ...seen!, body: seen!.body.replace('google', 'github') },
      { ...seen!, headers: { authorization: seen!.headers.authorization! } },
    ])
      expect((await proved.send(request)).status).toBe(401)
    expect(proved.clerk.calls).toHaveLength(calls)
  })

  it('is refused with another key', async () => {
    const other = { ...KEY, secret: 'another-invented-secret-0123456789abcdef' }
    await using behind = await startBehindGateway(startWith(other), { signatures: { keys: [KEY] } })
    const { data, errors } = await behind.ask(mine)
    expect(data?.me ?? null).toBeNull()
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED'])
    expect(behind.proved.clerk.calls).toHaveLength(0)
  })
})

it('a Hive Gateway sets the header of the shared secret itself', async () => {
  const { key, key_sha256 } = newServiceKey()
  const start = hiveGatewayWith({
    propagateHeaders: {
      fromClientToSubgraphs: ({ request, subgraphName }) =>
        subgraphName === 'tokengraph'
          ? { authorization: request.headers.get('authorization'), 'x-gateway-secret': key }
          : {},
    },
  })
  await using behind = await startBehindGateway(start, { shared_secret: { secrets_sha256: [key_sha256] } })
  const jwt = await behind.issuer.sign({ sub: 'user_1' })
  expect(await behind.ask(mine, jwt)).toEqual({ data: { me: user('user_1') } })
  expect((await behind.proved.send({ headers: { authorization: `Bearer ${jwt}` } })).status).toBe(401)
})

describe('the page', () => {
  it('shows the files that this test runs', () => {
    const page = readFileSync(new URL('gateway-proof.md', docs), 'utf8')
    for (const name of ['sign-request.ts', 'apollo-gateway.ts', 'hive-gateway.ts'])
      expect(page).toContain(`\`\`\`ts\n${readFileSync(new URL(`gateway-proof/${name}`, docs), 'utf8').trim()}\n\`\`\``)
  })
})

it('a Hive Gateway that only forwards is refused', async () => {
  await using behind = await startBehindGateway(hiveGatewayWith({}), { signatures: { keys: [KEY] } })
  expect((await behind.ask(mine)).errors?.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED'])
})
