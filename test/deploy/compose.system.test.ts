/** The services of the compose file that are not images of others, as processes of this machine. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime'
import httpTransport from '@graphql-mesh/transport-http'
import { expect, it } from 'vitest'
import { gatewayConfig } from '../../deploy/compose/gateway/gateway.config.ts'
import { listen } from '../../src/http/node.ts'
import { run, start } from '../kit/process.ts'
import { startPostgres } from '../servers/postgres.ts'
import { composeFolder, compose, makeSecrets, writeConfiguration } from './compose.ts'

interface Answer {
  readonly data: unknown
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[]
}

it('answers through the gateway, out of PostgreSQL, and leaves an audit that verifies', async () => {
  await using postgres = await startPostgres()
  const secrets = makeSecrets()
  await postgres.run('postgres', `CREATE ROLE tokengraph LOGIN PASSWORD '${secrets.read('database-password')}'`)
  await postgres.run('postgres', 'CREATE DATABASE tokengraph OWNER tokengraph')
  const file = writeConfiguration(secrets.folder, `127.0.0.1:${String(postgres.port)}`)
  const row = { user_id: 'u1', provider: 'github', external_account_id: 'a1', token: 'invented-compose-token' }
  const cwd = secrets.folder
  const imported = await run(['vault', 'import', '--config', file, '-'], { cwd, input: `${JSON.stringify(row)}\n` })
  expect(imported).toMatchObject({ code: 0, stderr: '' })

  await using server = start(['serve', '--config', file], { cwd })
  const [, url = ''] = await server.seen(/"url":"(http:[^"]+)"/)
  const health = await run(['health', '--config', file, '--url', url], { cwd })
  expect(health).toMatchObject({ code: 0, stdout: 'ready\n' })

  const supergraph = readFileSync(join(composeFolder, 'gateway/supergraph.graphql'), 'utf8')
  const hive = createGatewayRuntime({
    ...gatewayConfig,
    supergraph: supergraph.replaceAll('http://tokengraph:4000', url),
    transports: { http: httpTransport },
    logging: false,
  })
  const gateway = await listen((request, response) => void hive(request, response), { host: '127.0.0.1', port: 0 })
  const ask = async (authorization: Readonly<Record<string, string>>) => {
    const query = '{ user(id: "u1") { oauth_access_tokens(provider: "github") { token } } }'
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify({ query }),
    })
    return (await response.json()) as Answer
  }
  expect(await ask({ authorization: `Bearer ${secrets.key}` })).toEqual({
    data: { user: { oauth_access_tokens: [{ token: 'invented-compose-token' }] } },
  })
  expect((await ask({})).errors?.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED'])
  const probe = compose.services.gateway?.healthcheck.test.at(-1) ?? ''
  expect((await fetch(`${gateway.url}${new URL(probe).pathname}`)).status).toBe(200)
  await gateway.drain(0)
  await hive.dispose()

  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
  const verified = await run(['audit', 'verify', '--config', file], { cwd })
  expect(verified).toMatchObject({ code: 0 })
})
