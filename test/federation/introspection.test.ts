/** Gateways that read the subgraph's SDL from the running server, with a key that may see the schema and nothing else. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ApolloGateway, IntrospectAndCompose } from '@apollo/gateway'
import { composeServices } from '@apollo/composition'
import { parse } from 'graphql'
import { expect, it } from 'vitest'
import { newServiceKey } from '../../src/auth/service-key.ts'
import { startTestServer } from '../support/server.ts'
import { dropAuthenticated, silent } from './apollo-gateway.ts'
import { subgraphSdl } from './system.ts'

const query = '{ _service { sdl } }'

/** A server with a service that may see the schema and read no secret. */
async function startWithComposer() {
  const { key, key_sha256 } = newServiceKey()
  const server = await startTestServer({
    file: { upstreams: { clerk: { platform: 'clerk', secret_key: 'sk_test_invented_key' } } },
    services: [{ id: 'composer', key_sha256, grants: [], schema: true }],
  })
  return { server, key, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

it('gives the committed SDL to a key with `schema: true`, and to nobody else', async () => {
  await using running = await startWithComposer()
  const { data } = await running.server.ask<{ _service: { sdl: string } }>(query, { bearer: running.key })
  expect(data?._service.sdl).toBe(subgraphSdl)
  const refused = await running.server.ask(query, { bearer: null })
  expect(refused.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED')
})

it('lets Apollo Gateway introspect; which then does not start, because it knows no @authenticated', async () => {
  await using running = await startWithComposer()
  const subgraphs = [{ name: 'tokengraph', url: `${running.server.url}/graphql` }]
  const load = (headers: Record<string, string>) =>
    new ApolloGateway({
      logger: silent,
      supergraphSdl: new IntrospectAndCompose({ subgraphs, introspectionHeaders: headers, logger: silent }),
    }).load()

  await expect(load({})).rejects.toThrow(/Couldn't load service definitions for "tokengraph"/)
  await expect(load({ authorization: `Bearer ${running.key}` })).rejects.toThrow(
    /authenticated\/v0.1 is for: SECURITY but is unsupported/,
  )
})

it('leaves the rest of the SDL as it is where the documented command drops @authenticated for such gateways', () => {
  const guide = readFileSync(new URL('../../docs/federation.md', import.meta.url), 'utf8')
  const script = /sed -E '(.+?)'/.exec(guide)![1]!
  const sdl = execFileSync('sed', ['-E', script], { input: subgraphSdl, encoding: 'utf8' })
  expect(sdl).toBe(dropAuthenticated(subgraphSdl))
  expect(sdl).not.toContain('@authenticated')
  const { supergraphSdl, errors } = composeServices([{ name: 'tokengraph', url: '', typeDefs: parse(sdl) }])
  expect(errors).toBeUndefined()
  for (const kept of ['@cost(weight: 10)', '@listSize(assumedSize: 2)', '@tag(name: "secret")', '@specifiedBy'])
    expect(supergraphSdl).toContain(kept)
})
