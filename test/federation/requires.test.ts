/** Another subgraph asks for a token by `@requires`: it gets no more than the caller may read (GHSA-m8jr-fxqx-8xx6). */
import { describe, expect, it } from 'vitest'
import { gateways } from './gateways.ts'
import { startFederation } from './system.ts'

const query = `{ mine: user(id: "user_1") { next_event } other: user(id: "user_2") { next_event } }`

describe.each(gateways)('%s', (name, startGateway) => {
  it('hands the required token over for the user who may read it, and for no other', async () => {
    await using federation = await startFederation(startGateway)
    const [mine] = federation.clerk.addTokens('user_1', 'oauth_google')
    const [other] = federation.clerk.addTokens('user_2', 'oauth_google')
    const jwt = await federation.issuer.sign({ sub: 'user_1' })

    const { data, errors = [] } = await federation.ask(query, jwt)

    expect(data).toEqual({ mine: { next_event: 'an invented event' }, other: { next_event: null } })
    const received = new Map(federation.calendar.received.map((user) => [user.id, user.oauth_access_tokens ?? null]))
    expect(received.get('user_1')).toEqual([{ token: mine!.token }])
    expect(received.get('user_2') ?? null).toBeNull()
    expect(federation.recorder.answers.join()).not.toContain(other!.token)
    // Hive Gateway is silent about a required field that was refused: the field that needed it is null.
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(name === 'Apollo Gateway' ? ['FORBIDDEN'] : [])
  })

  it('hands nothing over without a credential', async () => {
    await using federation = await startFederation(startGateway)
    federation.clerk.addTokens('user_1', 'oauth_google')
    const { data, errors = [] } = await federation.ask(query, null)
    expect(data).toEqual({ mine: null, other: null })
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED'])
    expect(federation.calendar.received).toEqual([])
    expect(federation.clerk.calls).toHaveLength(0)
  })
})
