/** With registered documents, the mutations of a connection are executed by their ids, and no other mutation is. */
import { expect, test } from 'vitest'
import { byDocumentId, documentMap } from '../tools/registered.ts'
import { testFolder } from '../kit/folder.ts'
import { newVerifier, openConnectScene, RETURN_TO } from './scene.ts'

const start =
  'mutation ($input: StartConnectionInput!) { start_connection(input: $input) { connection_request_id authorization_url } }'
const disconnect = 'mutation ($input: DisconnectAccountInput!) { disconnect_account(input: $input) { effect } }'

test('a registered mutation is executed, and one that is not registered changes nothing', async () => {
  const manifest = testFolder().write('persisted.json', documentMap(start))
  const scene = await openConnectScene({ file: { documents: { manifest } } })
  const headers = { authorization: `Bearer ${await scene.bearerOf('user_1')}` }
  const send = async (body: object): Promise<unknown> => (await scene.server.post(JSON.stringify(body), headers)).json()
  const input = { provider: 'acme', return_to: RETURN_TO, code_challenge: newVerifier().challenge }
  expect(await send({ ...byDocumentId(start), variables: { input } })).toMatchObject({
    data: { start_connection: { authorization_url: expect.stringContaining('/connect/') } },
  })
  const account = { input: { provider: 'acme', external_account_id: 'eac_1' } }
  for (const body of [
    { query: start, variables: { input } },
    { query: disconnect, variables: account },
    { ...byDocumentId(disconnect), variables: account },
  ])
    expect(await send(body)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
})
