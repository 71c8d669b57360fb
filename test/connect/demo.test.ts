/** The third tab of GraphiQL in development mode: Start, the demo provider, Finish, and what the token then does. */
import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { demoTabs } from '../../src/development/demo.ts'
import { startDevelopment } from '../clients/development.ts'
import { freePort } from '../kit/free-port.ts'
import { openBrowser } from './scene.ts'
import type { Begun, Finished } from './scene.ts'

test('walks the whole flow', async () => {
  const port = await freePort()
  await using server = await startDevelopment(port)
  const returnTo = `http://127.0.0.1:${String(port)}/graphql`
  const { query } = demoTabs(returnTo)[2]!
  expect(parse(query).definitions).toHaveLength(2)
  const ask = async <Data>(operationName: string | null, text = query, variables: object = {}): Promise<Data> => {
    const response = await fetch(server.graph, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${server.key}` },
      body: JSON.stringify({ query: text, operationName, variables }),
    })
    const { data, errors } = (await response.json()) as { data: Data; errors?: unknown }
    expect(errors).toBeUndefined()
    return data
  }
  const { start_connection: begun } = await ask<{ start_connection: Begun }>('Start')
  const browser = openBrowser()
  const page = await browser.go(begun.authorization_url, ({ pathname }) => pathname.endsWith('/authorize'))
  const shown = await (await fetch(page.url)).text()
  expect(shown).toContain('Connect your account to tokengraph?')
  const form = new URLSearchParams({ decision: 'allow', person: 'demo-grace', scope: 'repo' })
  const allowed = await fetch(page.url, { method: 'POST', body: form, redirect: 'manual' })
  const { url } = await browser.go(allowed.headers.get('location')!, (at) => at.href.startsWith(returnTo))
  const variables = {
    id: url.searchParams.get('connection_request_id'),
    code: url.searchParams.get('completion_code'),
  }
  const { finish_connection: finished } = await ask<{ finish_connection: Finished }>('Finish', query, variables)
  expect(finished).toMatchObject({
    ...{ status: 'CONNECTED', account: { label: 'grace@demo.example' }, missing_scopes: ['read:user'] },
  })
  const { external_account_id } = finished.account!
  const give = `mutation { disconnect_account(input: {provider: "github", user_id: "user_demo",
    external_account_id: "${external_account_id}"}) { provider_revocation } }`
  expect(await ask(null, give)).toEqual({ disconnect_account: { provider_revocation: 'REVOKED' } })
})

test('with any free port nothing can come back, and there is no such tab', () => {
  expect(demoTabs(null)).toHaveLength(2)
})
