/** Who asks is decided here, behind the gateway: the credential must arrive, and the codes must get back. */
import { describe, expect, it } from 'vitest'
import { answers } from '../servers/misbehaviour.ts'
import { clerkFailure } from '../servers/clerk.ts'
import type { Answer } from '../kit/server.ts'
import { gateways } from './gateways.ts'
import { startFederation } from './system.ts'

const orders = [{ id: 'order_1', buyer_id: 'user_1', total: 100 }]
const tokensOf = (id: string) => `user(id: "${id}") { oauth_access_tokens(provider: "google") { token } }`

function codesOf({ errors = [] }: Answer): string[] {
  return errors.map(({ extensions }) => extensions.code)
}

describe.each(gateways)('%s', (_, startGateway) => {
  it('brings a user token to the server, which shows the user their own tokens and no others', async () => {
    await using federation = await startFederation(startGateway)
    const [mine] = federation.clerk.addTokens('user_1', 'oauth_google')
    federation.clerk.addTokens('user_2', 'oauth_google')
    const jwt = await federation.issuer.sign({ sub: 'user_1' })

    const answer = await federation.ask(`{ mine: ${tokensOf('user_1')} other: ${tokensOf('user_2')} }`, jwt)

    expect(answer.data).toEqual({
      mine: { oauth_access_tokens: [{ token: mine!.token }] },
      other: { oauth_access_tokens: null },
    })
    expect(answer.errors).toMatchObject([
      { path: ['other', 'oauth_access_tokens'], extensions: { code: 'FORBIDDEN', retryable: false } },
    ])
    expect(federation.recorder.requests.map(({ authorization }) => authorization)).toEqual([`Bearer ${jwt}`])
    expect(federation.clerk.calls).toHaveLength(1)
  })

  it('refuses whoever brings no credential, or one that does not hold, and answers the rest', async () => {
    await using federation = await startFederation(startGateway, { orders })
    federation.clerk.addTokens('user_1', 'oauth_google')
    for (const bearer of [null, 'an-invented-key']) {
      const answer = await federation.ask(`{ ${tokensOf('user_1')} orders { id } }`, bearer)
      expect(answer.data).toEqual({ user: null, orders: [{ id: 'order_1' }] })
      expect(codesOf(answer)).toEqual(['UNAUTHENTICATED'])
    }
    expect(federation.clerk.calls).toHaveLength(0)
  })

  it('gets UNAUTHENTICATED when it strips the header, on root fields and on entities', async () => {
    await using federation = await startFederation(startGateway, { orders, forwardAuthorization: false })
    federation.clerk.addTokens('user_1', 'oauth_google')

    const answer = await federation.ask(`{
      ${tokensOf('user_1')}
      orders { buyer { id oauth_access_tokens(provider: "google") { token } } }
    }`)

    expect(answer.data).toEqual({ user: null, orders: [{ buyer: { id: 'user_1', oauth_access_tokens: null } }] })
    expect(codesOf(answer)).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED'])
    expect(federation.recorder.requests.map(({ authorization }) => authorization)).toEqual([null, null])
    expect(federation.clerk.calls).toHaveLength(0)
  })

  it('hands back the code and the details of every failure', async () => {
    await using federation = await startFederation(startGateway)
    federation.clerk.addTokens('user_1', 'oauth_google')
    federation.clerk.misbehave(answers(429, clerkFailure('too_many_requests'), { 'retry-after': '3600' }), {
      path: /user_1\//,
    })
    const answer = await federation.ask(`{
      limited: ${tokensOf('user_1')}
      unknown: ${tokensOf('user_2')}
      disabled: oauth_access_tokens(user_id: "user_1", provider: "custom_invented") { token }
      bad: oauth_access_tokens(user_id: "", provider: "google") { token }
    }`)
    expect(answer.data).toEqual({
      limited: { oauth_access_tokens: null },
      unknown: { oauth_access_tokens: null },
      disabled: null,
      bad: null,
    })
    const byPath = Object.fromEntries(answer.errors!.map(({ path, extensions }) => [path![0], extensions]))
    expect(byPath).toMatchObject({
      limited: {
        code: 'UPSTREAM_RATE_LIMITED',
        retryable: true,
        retry_after_ms: expect.any(Number),
        upstream: 'clerk',
      },
      unknown: { code: 'USER_NOT_FOUND', retryable: false, upstream_code: 'resource_not_found' },
      bad: { code: 'BAD_USER_INPUT', retryable: false },
    })
  })
})
