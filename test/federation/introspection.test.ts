/** Gateways that read the subgraph's SDL from the running server, with a key that may see the schema and nothing else. */
import { ApolloGateway, IntrospectAndCompose } from '@apollo/gateway'
import { composeServices } from '@apollo/composition'
import { parse } from 'graphql'
import { expect, it } from 'vitest'
import { schema } from '../../src/schema/index.ts'
import { printSubgraph } from '../../src/schema/sdl.ts'
import { startTestServer } from '../kit/server.ts'
import { silent } from './apollo-gateway.ts'
import { subgraphSdl } from './system.ts'

const query = '{ _service { sdl } }'

/** A server with a service that may see the schema and read no secret. */
async function startWithComposer(more: Readonly<Record<string, unknown>> = {}) {
  const server = await startTestServer({
    file: { upstreams: { clerk: { platform: 'clerk', secret_key: 'sk_test_invented_key' } }, ...more },
    services: [{ id: 'composer', grants: [], schema: true }],
  })
  return { server, key: server.keyOf('composer'), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

it('gives the committed SDL to a key with `schema: true`, and to nobody else', async () => {
  await using running = await startWithComposer()
  const { data } = await running.server.ask<{ _service: { sdl: string } }>(query, { bearer: running.key })
  expect(data?._service.sdl).toBe(subgraphSdl)
  const refused = await running.server.ask(query, { bearer: null })
  expect(refused.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED')
})

it('lets Apollo Gateway introspect and compose where @authenticated is left out, and only there', async () => {
  await using announcing = await startWithComposer()
  await using silentOnIt = await startWithComposer({ subgraph: { authenticated: false } })
  const load = ({ server }: typeof announcing, headers: Record<string, string>) =>
    new ApolloGateway({
      logger: silent,
      supergraphSdl: new IntrospectAndCompose({
        subgraphs: [{ name: 'tokengraph', url: `${server.url}/graphql` }],
        introspectionHeaders: headers,
        logger: silent,
      }),
    }).load()

  const { schema: composed } = await load(silentOnIt, { authorization: `Bearer ${silentOnIt.key}` })
  expect(composed.getType('OAuthAccessToken')).toBeDefined()
  await expect(load(silentOnIt, {})).rejects.toThrow(/Couldn't load service definitions for "tokengraph"/)
  await expect(load(announcing, { authorization: `Bearer ${announcing.key}` })).rejects.toThrow(
    /authenticated\/v0.1 is for: SECURITY but is unsupported/,
  )
})

it('leaves the rest of the SDL as it is where @authenticated is left out', () => {
  const sdl = printSubgraph(schema, { authenticated: false })
  expect(sdl).toBe(subgraphSdl.replaceAll(/"@authenticated",? ?| @authenticated/g, ''))
  expect(sdl).not.toContain('@authenticated')
  const { supergraphSdl, errors } = composeServices([{ name: 'tokengraph', url: '', typeDefs: parse(sdl) }])
  expect(errors).toBeUndefined()
  for (const kept of ['@cost(weight: 10)', '@listSize(assumedSize: 2)', '@tag(name: "secret")', '@specifiedBy'])
    expect(supergraphSdl).toContain(kept)
})
