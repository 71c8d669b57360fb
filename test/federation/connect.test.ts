/** An application's whole flow through a gateway: mutations, the identity of the caller, and events. */
import { describe, expect, it } from 'vitest'
import { newVerifier, openApp, openBrowser, openConnectScene, returnedTo } from '../connect/scene.ts'
import { gateways } from './gateways.ts'
import { subgraphSdl } from './system.ts'

describe.each(gateways)('%s', (_, startGateway) => {
  it('connects, reads and gives up an account for the user whose token it passes on', async () => {
    const scene = await openConnectScene()
    await using gateway = await startGateway({
      subgraphs: [{ name: 'tokengraph', url: `${scene.publicUrl}/graphql`, sdl: subgraphSdl }],
      forwardAuthorization: true,
    })
    const through = {
      async ask(query: string, { variables = {}, bearer = null }: { variables?: object; bearer?: string | null }) {
        const response = await fetch(gateway.url, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
          },
          body: JSON.stringify({ query, variables }),
        })
        return (await response.json()) as never
      },
    }
    const [app, other] = ['user_1', 'user_2'].map((user) => openApp(through, () => scene.bearerOf(user))) as [App, App]
    const proof = newVerifier()
    const { start_connection: begun } = (await app.start({ code_challenge: proof.challenge })).data!
    const input = returnedTo(await openBrowser().go(begun.authorization_url), proof)
    expect((await other.finish(input)).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
    const { finish_connection: finished } = (await app.finish(input)).data!
    expect(finished).toMatchObject({ status: 'CONNECTED', account: { label: 'person@example.invalid' } })
    expect((await app.status(begun.connection_request_id)).data!.connection_request).toMatchObject({
      status: 'FINISHED',
    })
    expect((await app.tokens('user_1')).data!.user.oauth_access_tokens).toHaveLength(1)
    const { external_account_id } = finished.account!
    expect((await other.disconnect({ external_account_id, user_id: 'user_1' })).errors).toMatchObject([
      { extensions: { code: 'FORBIDDEN' } },
    ])
    expect((await app.disconnect({ external_account_id })).data!.disconnect_account.effect).toBe('GRANT')
    expect((await app.tokens('user_1')).data!.user.oauth_access_tokens).toStrictEqual([])
    const { data } = await app.ask<{ connection_events: { events: readonly { type: string }[] } }>(
      '{ connection_events { events { type } } }',
      {},
    )
    expect(data!.connection_events.events.map(({ type }) => type)).toStrictEqual(['CREATED', 'DISCONNECTED'])
  })
})

type App = ReturnType<typeof openApp>
