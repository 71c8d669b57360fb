/**
 * The forms of the subgraph, beside a subgraph that owns `me`, `user`, `users` and a type `Provider`: each version of
 * Federation in three composers, and the joined graph behind real gateways.
 */
import { describe, expect, it } from 'vitest'
import { compose } from '../../examples/supergraph/compose.ts'
import type { Subgraph } from '../../examples/supergraph/compose.ts'
import { schema } from '../../src/schema/index.ts'
import { federationVersions } from '../../src/schema/options.ts'
import { printSubgraph } from '../../src/schema/sdl.ts'
import { makeFolder } from '../kit/folder.ts'
import { run } from '../kit/process.ts'
import { startTestServer } from '../kit/server.ts'
import { printed } from '../tools/project.ts'
import { accountsSdl } from './accounts.ts'
import { composeWithApollo } from './apollo-gateway.ts'
import { composeWithCosmo } from './cosmo.ts'
import { gateways } from './gateways.ts'
import { startFederation } from './system.ts'

const composers: readonly (readonly [string, (subgraphs: readonly Subgraph[]) => string])[] = [
  ['@theguild/federation-composition', compose],
  ['@apollo/composition', composeWithApollo],
  ['@wundergraph/composition', composeWithCosmo],
]

const part = (name: string, sdl: string): Subgraph => ({ name, url: `http://${name}.invalid/graphql`, sdl })

const forms = [true, false].flatMap((authenticated) =>
  federationVersions.map((federation) => ({ federation, authenticated })),
)

describe.each(composers)('%s', (_, composeWith) => {
  it.each(forms)('composes the entity alone at $federation, authenticated: $authenticated', (form) => {
    const sdl = printSubgraph(schema, { ...form, root_fields: false })
    for (const theirs of federationVersions) {
      const supergraph = composeWith([part('tokengraph', sdl), part('accounts', accountsSdl(theirs))])
      for (const field of ['oauth_access_tokens', 'external_accounts', 'region', 'users(first: Int)'])
        expect(supergraph).toContain(field)
      expect(supergraph).not.toContain('users(ids:')
    }
  })

  it.each(forms)(
    'composes the whole at $federation, authenticated: $authenticated, where nobody has its root fields',
    (form) => {
      const types = accountsSdl(form.federation).replace(/type Query {[^}]*}/, 'type Query { region: Provider }')
      const sdl = printSubgraph(schema, form)
      expect(composeWith([part('tokengraph', sdl), part('accounts', types)])).toContain('oauth_access_tokens')
    },
  )

  it('refuses the whole beside it: both own the root fields', () => {
    const subgraphs = [part('tokengraph', printSubgraph(schema)), part('accounts', accountsSdl())]
    expect(() => composeWith(subgraphs)).toThrow(/"?Query\.me"?|"me"/)
  })
})

it('the configuration serves each form, and the command line prints it', async () => {
  for (const form of forms)
    for (const root_fields of [true, false]) {
      const file = {
        upstreams: { clerk: { platform: 'clerk', secret_key: 'sk_test_invented_key' } },
        subgraph: { ...form, root_fields },
      }
      await using server = await startTestServer({ file })
      const { data } = await server.ask<{ _service: { sdl: string } }>('{ _service { sdl } }')
      const sdl = data?._service.sdl ?? ''
      expect(sdl).toBe(printed({ subgraph: true, entitiesOnly: !root_fields, ...form }))
      expect(sdl).toContain(`federation/v${form.federation}`)
      expect(sdl.includes('type Query')).toBe(root_fields)
    }
  using folder = makeFolder()
  const flags = ['schema', '--subgraph', '--entities-only', '--federation', '2.3', '--no-authenticated']
  const { stdout } = await run(flags, { cwd: folder.path })
  expect(stdout).toBe(printSubgraph(schema, { authenticated: false, root_fields: false, federation: '2.3' }))
})

describe.each(gateways)('%s', (_, startGateway) => {
  it.each(federationVersions)('joins the entity alone at Federation %s', async (federation) => {
    const sdl = printSubgraph(schema, { root_fields: false, federation })
    await using running = await startFederation(startGateway, { sdl, accounts: true })
    const [mine] = running.clerk.addTokens('user_1', 'oauth_google')
    const [other] = running.clerk.addTokens('user_2', 'oauth_google')

    const answer = await running.ask(`{
      me { name oauth_access_tokens(provider: "google") { token } }
      users(first: 2) { name oauth_access_tokens(provider: "google") { token } }
      providers { region }
    }`)

    const ada = { name: 'Ada of user_1', oauth_access_tokens: [{ token: mine!.token }] }
    expect(answer).toEqual({
      data: {
        me: ada,
        users: [ada, { name: 'Ada of user_2', oauth_access_tokens: [{ token: other!.token }] }],
        providers: [{ region: 'eu' }],
      },
    })
  })
})
