/** An order list through a gateway: one request here, one call for each buyer and provider, failures isolated. */
import { describe, expect, it } from 'vitest'
import { answers } from '../servers/misbehaviour.ts'
import { clerkFailure } from '../servers/clerk.ts'
import type { ClerkServer } from '../servers/clerk.ts'
import { gateways } from './gateways.ts'
import { startFederation } from './system.ts'

const BUYERS = 60
const buyerOf = (position: number) => `user_${String(position % BUYERS)}`
const orders = Array.from({ length: 100 }, (_, n) => ({ id: `order_${String(n)}`, buyer_id: buyerOf(n), total: n }))

const query = `{
  orders {
    id
    buyer {
      id
      google: oauth_access_tokens(provider: "google") { token }
      github: oauth_access_tokens(provider: "github") { token }
    }
  }
}`

interface Tokens {
  readonly google: readonly { readonly token: string }[] | null
  readonly github: readonly { readonly token: string }[] | null
}

interface Data {
  readonly orders: readonly { readonly id: string; readonly buyer: Tokens & { readonly id: string } }[]
}

describe.each(gateways)('%s', (name, startGateway) => {
  it('reads the tokens of 60 buyers of 100 orders with one request and one call for each key', async () => {
    await using federation = await startFederation(startGateway, { orders })
    const expected = addTokens(federation.clerk)

    const { data, errors } = await federation.ask<Data>(query)

    expect(errors).toBeUndefined()
    expect(data?.orders.map(({ id, buyer }) => [id, buyer.id])).toEqual(
      orders.map(({ id, buyer_id }) => [id, buyer_id]),
    )
    for (const { buyer } of data!.orders) expect(tokensOf(buyer)).toEqual(expected.get(buyer.id))

    expect(federation.recorder.requests).toHaveLength(1)
    const representations = federation.recorder.requests[0]!.variables!.representations!
    // Hive merges the buyers of several orders before it asks; Apollo Gateway does not, and tokengraph does it for both.
    expect(representations).toHaveLength(name === 'Apollo Gateway' ? orders.length : BUYERS)
    expect(new Set(representations.map(({ id }) => id)).size).toBe(BUYERS)
    expect(federation.clerk.calls).toHaveLength(2 * BUYERS)
    expect(new Set(federation.clerk.calls.map(({ path }) => path)).size).toBe(2 * BUYERS)
  })

  it('leaves the other buyers alone when one of them fails', async () => {
    await using federation = await startFederation(startGateway, { orders })
    const expected = addTokens(federation.clerk)
    federation.clerk.misbehave(answers(500, clerkFailure('internal_clerk_error')), { path: /user_7\/.*oauth_google$/ })

    const { data, errors = [] } = await federation.ask<Data>(query)

    for (const { buyer } of data!.orders) {
      const { google, github } = expected.get(buyer.id)!
      expect(tokensOf(buyer)).toEqual({ google: buyer.id === 'user_7' ? null : google, github })
    }
    // user_7 bought orders 7 and 67
    const failed = { extensions: { code: 'UPSTREAM_UNAVAILABLE', retryable: true, provider: 'oauth_google' } }
    expect(errors).toMatchObject([failed, failed])
    // Hive Gateway names the first order whichever failed (ardatan/graphql-tools#2951): its clients read `data`.
    expect(errors.map(({ path }) => path?.[1])).toEqual(name === 'Apollo Gateway' ? [7, 67] : [0, 0])
  })
})

/** Tokens of every buyer at both providers; what the answer must hold, by buyer. */
function addTokens({ addTokens: add }: ClerkServer) {
  return new Map(
    orders.slice(0, BUYERS).map(({ buyer_id }) => {
      const [google] = add(buyer_id, 'oauth_google')
      const [github] = add(buyer_id, 'oauth_github')
      return [buyer_id, { google: google!.token, github: github!.token }]
    }),
  )
}

function tokensOf({ google, github }: Tokens) {
  return { google: google?.[0]?.token ?? null, github: github?.[0]?.token ?? null }
}
