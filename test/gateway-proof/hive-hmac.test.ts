/** The real Hive Gateway's `hmacSignature`: a proof of the sender, never of a user (docs/promises.md S2). */
import type { GatewayPlugin } from '@graphql-hive/gateway-runtime'
import { describe, expect, it } from 'vitest'
import { stableJson } from '../../src/gateway-proof/hive-hmac.ts'
import { hiveGatewayWith } from '../federation/hive-gateway.ts'
import { buyers, mine, startBehindGateway, user } from './behind-gateway.ts'
import { codesOf, KEY, sign } from './support.ts'
import type { Passed } from './tap.ts'

const gateway = hiveGatewayWith({ hmacSignature: { secret: KEY.secret } })
const accepted = { hive_hmac: { secrets: [KEY.secret] } }
const other = 'another-invented-secret-0123456789abcdef'
const aliased = `{ b: user(id: "user_1") { id } a: user(id: "user_2") { oauth_access_tokens(provider: "google") { token } } }`

interface Body {
  readonly query: string
  readonly variables?: object
  readonly extensions: Readonly<Record<string, unknown>>
}

const changed = ({ headers, body }: Passed, change: (body: Body) => object): Passed => ({
  headers,
  body: JSON.stringify(change(JSON.parse(body) as Body)),
})

describe('the signature', () => {
  it('is valid with and without variables', async () => {
    await using behind = await startBehindGateway(gateway, accepted)
    expect(await behind.ask(buyers)).toEqual({
      data: { orders: [{ buyer: user('user_1') }, { buyer: user('user_2') }] },
    })
    expect((await behind.ask(aliased)).errors).toBeUndefined()
    expect((await behind.ask('{ providers { id } }')).errors).toBeUndefined()
    const bodies = behind.tap.passed.map(({ body }) => JSON.parse(body) as Body)
    expect(new Set(bodies.map(({ variables }) => variables === undefined))).toEqual(new Set([true, false]))
    expect(behind.proved.server.logged.filter((line) => line.includes('"gateway":"hive_hmac"'))).toHaveLength(
      bodies.length,
    )
  })

  it('is valid with the old secret while both are listed', async () => {
    await using behind = await startBehindGateway(gateway, { hive_hmac: { secrets: [other, KEY.secret] } })
    expect((await behind.ask(buyers)).errors).toBeUndefined()
  })

  it('is refused with another secret, and where it is not configured', async () => {
    for (const part of [{ hive_hmac: { secrets: [other] } }, { signatures: { keys: [KEY] } }]) {
      await using behind = await startBehindGateway(gateway, part)
      expect(codesOf(await behind.ask(mine))).toEqual(['UNAUTHENTICATED'])
      expect(behind.proved.clerk.calls).toHaveLength(0)
    }
  })

  it('is not valid for another query, other variables, or another signature', async () => {
    await using behind = await startBehindGateway(gateway, accepted)
    await behind.ask(buyers)
    const [seen] = behind.tap.passed
    const representations = [{ __typename: 'User', id: 'user_2' }]
    for (const change of [
      (body: Body) => ({ ...body, query: body.query.replace('token', 'label') }),
      (body: Body) => ({ ...body, variables: { ...body.variables, representations } }),
      ({ query, extensions }: Body) => ({ query, extensions }),
      (body: Body) => ({ ...body, extensions: {} }),
      (body: Body) => ({ ...body, extensions: { 'hmac-signature': 'A'.repeat(43) + '=' } }),
      (body: Body) => ({ ...body, extensions: { 'hmac-signature': 'short' } }),
      (body: Body) => ({ ...body, extensions: { 'hmac-signature': [body.extensions['hmac-signature']] } }),
      (body: Body) => [body],
    ])
      expect((await behind.proved.send(changed(seen!, change))).status).toBe(401)
    expect((await behind.proved.send({ ...seen!, body: 'no JSON' })).status).toBe(401)
  })
})

describe('what Hive forwards outside its signature', () => {
  const claims = { jwt: { payload: { sub: 'user_2' }, token: { value: 'invented' } } }

  it('does not authenticate the user in extensions.jwt', async () => {
    await using behind = await startBehindGateway(gateway, accepted)
    await behind.ask(buyers)
    const { headers, body } = behind.tap.passed[0]!
    const forged = changed({ headers, body }, (given) => ({ ...given, extensions: { ...given.extensions, ...claims } }))
    const { authorization: _key, ...anonymous } = headers
    const calls = behind.proved.clerk.calls.length
    const { status, answer } = await behind.proved.send({ ...forged, headers: anonymous })
    // The proof of the gateway is valid, as it is for Hive's own check.
    expect(status).toBe(200)
    expect(answer.data).toEqual({
      _entities: [{ oauth_access_tokens: null }, { oauth_access_tokens: null }].map(named),
    })
    expect(codesOf(answer)).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED'])
    expect(behind.proved.clerk.calls).toHaveLength(calls)
  })

  it('leaves a user with their own rights', async () => {
    await using behind = await startBehindGateway(gateway, accepted)
    await behind.ask(buyers)
    const forged = changed(behind.tap.passed[0]!, (given) => ({
      ...given,
      extensions: { ...given.extensions, ...claims },
    }))
    const authorization = `Bearer ${await behind.issuer.sign({ sub: 'user_1' })}`
    const { answer } = await behind.proved.send({ ...forged, headers: { ...forged.headers, authorization } })
    const [first] = user('user_1').oauth_access_tokens
    expect(answer.data).toEqual({
      _entities: [{ oauth_access_tokens: [first] }, { oauth_access_tokens: null }].map(named),
    })
    expect(codesOf(answer)).toEqual(['FORBIDDEN'])
  })

  it('is not read from a gateway that puts it there itself, as its JWT plugin does', async () => {
    const forward: GatewayPlugin = {
      onSubgraphExecute({ executionRequest }) {
        executionRequest.extensions = { ...executionRequest.extensions, ...claims }
      },
    }
    const start = hiveGatewayWith({
      hmacSignature: { secret: KEY.secret },
      propagateHeaders: {},
      plugins: () => [forward],
    })
    await using behind = await startBehindGateway(start, accepted)
    const answer = await behind.ask(mine)
    expect(answer.data).toEqual({ me: null })
    expect(codesOf(await behind.ask(buyers))).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED'])
    expect(JSON.parse(behind.tap.passed[0]!.body)).toMatchObject({ extensions: claims })
    expect(behind.proved.clerk.calls).toHaveLength(0)
  })

  it('can be replayed; where signatures are configured, the extension is not accepted', async () => {
    await using behind = await startBehindGateway(gateway, accepted)
    await behind.ask(buyers)
    const [seen] = behind.tap.passed
    expect((await behind.proved.send(seen!)).status).toBe(200)
    await using strict = await startBehindGateway(gateway, { signatures: { keys: [KEY] } })
    expect((await strict.proved.send(seen!)).status).toBe(401)
    expect((await strict.proved.send(await sign({ body: seen!.body }))).status).toBe(200)
  })
})

function named(entity: object): object {
  return { __typename: 'User', ...entity }
}

describe('stable JSON', () => {
  it('sorts members by their names as strings, at every depth, and keeps the order of lists', () => {
    const value = JSON.parse('{"b":[3,{"z":null,"a":"é\\n"}],"10":1,"9":true,"A":{},"__proto__":[]}') as unknown
    expect(stableJson(value)).toBe('{"10":1,"9":true,"A":{},"__proto__":[],"b":[3,{"a":"é\\n","z":null}]}')
  })

  it('returns null for a value that is nested too deeply', () => {
    const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown
    expect(stableJson(nested(100))).toBe('['.repeat(100) + ']'.repeat(100))
    expect(stableJson(nested(30_000))).toBeNull()
  })
})
