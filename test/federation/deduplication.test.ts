/**
 * Gateways merge equal requests that are under way at the same time. Two users who send the same query are not equal:
 * each must get their own tokens. The settings on which that depends are shown here and in
 * docs/federation.md.
 */
import type { GatewayConfigSupergraph } from '@graphql-hive/gateway-runtime'
import { describe, expect, it } from 'vitest'
import type { StartGateway } from './gateway.ts'
import { gateways } from './gateways.ts'
import { hiveGatewayWith } from './hive-gateway.ts'
import { startFederation } from './system.ts'

// Nothing in it says who asks: the query of a page that every user opens.
const query = `{ me { id oauth_access_tokens(provider: "google") { token } } }`

interface Data {
  readonly me: { readonly id: string; readonly oauth_access_tokens: readonly { readonly token: string }[] }
}

/** All of them ask at the same time: whose tokens each was shown, and how many requests were made here. */
async function askTogether(start: StartGateway, askers: readonly string[], expectedRequests: number) {
  await using federation = await startFederation(start)
  const bearers = new Map<string, string>()
  for (const user of new Set(askers)) {
    federation.clerk.addTokens(user, 'oauth_google', [{ token: `token of ${user}` }])
    bearers.set(user, await federation.issuer.sign({ sub: user }))
  }
  // Nobody is answered before everybody has asked, so that whatever can be merged is.
  const gate = Promise.withResolvers<unknown>()
  federation.recorder.hold(gate.promise)
  const asked = askers.map((user) => federation.ask<Data>(query, bearers.get(user)))
  await federation.recorder.arrived(expectedRequests)
  for (let round = 0; round < 2; round++) await federation.ask('{ orders { id } }')
  gate.resolve(null)
  const answers = await Promise.all(asked)
  return {
    shown: answers.map(({ data }) => data?.me.oauth_access_tokens.map(({ token }) => token).join()),
    requests: federation.recorder.requests.length,
  }
}

const everyRequestToTheSubgraph: Partial<GatewayConfigSupergraph> = {
  transportEntries: { '*.http': { options: { deduplicateInflightRequests: false } } },
}

describe.each(gateways)('%s as the recipe sets it up', (name, start) => {
  it('shows each of two users who send the same query their own tokens', async () => {
    const { shown, requests } = await askTogether(start, ['user_1', 'user_1', 'user_2'], 2)
    expect(shown).toEqual(['token of user_1', 'token of user_1', 'token of user_2'])
    // Hive merges the two requests of the one user; Apollo Gateway merges nothing.
    expect(requests).toBe(name === 'Apollo Gateway' ? 3 : 2)
  })
})

describe('Hive Gateway that merges its own callers', () => {
  it('shows each user their own tokens while authorization is part of what it compares', async () => {
    const start = hiveGatewayWith({ ...everyRequestToTheSubgraph, inboundInflightRequestDeduplication: true })
    expect(await askTogether(start, ['user_1', 'user_1', 'user_2'], 2)).toEqual({
      shown: ['token of user_1', 'token of user_1', 'token of user_2'],
      requests: 2,
    })
  })
})

describe('the settings that must stay', () => {
  it('shares one user’s tokens when the comparison of callers leaves authorization out', async () => {
    const start = hiveGatewayWith({
      ...everyRequestToTheSubgraph,
      inboundInflightRequestDeduplication: { shouldIncludeHeader: (header) => header !== 'authorization' },
    })
    expect(await askTogether(start, ['user_1', 'user_2'], 1)).toEqual({
      shown: ['token of user_1', 'token of user_1'],
      requests: 1,
    })
  })

  it('shares one user’s tokens when the header is added in onFetch, after requests were compared', async () => {
    const addLate: Partial<GatewayConfigSupergraph> = {
      propagateHeaders: {},
      plugins: () => [
        {
          onFetch({ options, setOptions, context }) {
            const authorization = (context as { request?: Request }).request?.headers.get('authorization')
            if (authorization != null) setOptions({ ...options, headers: { ...options.headers, authorization } })
          },
        },
      ],
    }
    expect((await askTogether(hiveGatewayWith(addLate), ['user_1', 'user_2'], 1)).shown).toEqual([
      'token of user_1',
      'token of user_1',
    ])
    // Without merging, the late header is in time.
    const start = hiveGatewayWith({ ...addLate, ...everyRequestToTheSubgraph })
    expect((await askTogether(start, ['user_1', 'user_2'], 2)).shown).toEqual(['token of user_1', 'token of user_2'])
  })
})
