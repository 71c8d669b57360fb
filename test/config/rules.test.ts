import { describe, expect, it } from 'vitest'
import { hash, load, minimal, problemsOf } from './sample.ts'

const otherHash = 'fedcba9876543210'.repeat(4)
const services = (...entries: string[]): string =>
  `upstreams:
  clerk: { platform: clerk, secret_key: "\${CLERK_SECRET_KEY}" }
auth:
  services:
${entries.map((entry) => `    - ${entry}\n`).join('')}`

describe('an issuer', () => {
  const issuer = (binding: string): string =>
    services().replace(
      'services:',
      `issuers:\n    - { issuer: a, jwks_url: https://a.example, algorithms: [ES256]${binding} }`,
    )

  it('binds its tokens to this graph by one of three claims', () => {
    for (const binding of ['audience: x', 'authorized_parties: [https://app.example.com]', 'client_ids: [a, b]'])
      expect(load(issuer(`, ${binding}`)).auth.issuers).toHaveLength(1)
    expect(problemsOf(issuer(''))).toEqual([
      '5:7 auth.issuers[0]: expected audience, or for tokens without aud authorized_parties (azp) or client_ids (client_id): otherwise tokens that the issuer made for other applications would count',
    ])
    expect(problemsOf(issuer(', client_ids: []'))).toEqual([
      expect.stringContaining('auth.issuers[0].client_ids: expected a string or a list, got an empty list'),
    ])
  })
})

describe('upstreams and providers', () => {
  const second = minimal.replace('auth:', '  second: { platform: clerk, secret_key: sk_test_invented }\nauth:')

  it('production needs an upstream and somebody who may read', () => {
    expect(problemsOf('mode: production\n')).toEqual([
      '1:1 upstreams: production needs at least one upstream',
      '1:1 auth: nobody could read anything; add a service or an issuer',
    ])
    expect(problemsOf('upstreams: {}\nauth: { services: [], issuers: [] }\n')).toEqual([
      '1:1 upstreams: production needs at least one upstream',
      '2:1 auth: nobody could read anything; add a service or an issuer',
    ])
    expect(load('mode: development\n').upstreams).toEqual([])
    expect(problemsOf('mode: development\nproviders: { google: clerk }\n')).toEqual([
      '2:22 providers.google: no upstream has this name',
    ])
  })

  it('several upstreams need a line for a provider, or a default', () => {
    expect(problemsOf(second)).toEqual([
      '1:1 providers: there are several upstreams: expected a line for each provider, or "default"',
    ])
    expect(load(`${second}providers: { github: second }\n`).providers.default).toBeNull()
    expect(load(`${second}providers: { default: second }\n`).providers.default).toBe('second')
  })

  it('a line has to name an upstream that is there', () => {
    expect(problemsOf(`${minimal}providers:\n  a: clrk\n  b: { upstream: other }\n  default: CLERK\n`)).toEqual([
      '6:6 providers.a: no upstream has this name; did you mean "clerk"?',
      '7:18 providers.b.upstream: no upstream has this name',
      '8:12 providers.default: no upstream has this name; did you mean "clerk"?',
    ])
  })

  it('a provider has one line, under a name that is one', () => {
    expect(problemsOf(`${minimal}providers:\n  google: clerk\n  oauth_google: clerk\n  "a\\tb": clerk\n`)).toEqual([
      '7:3 providers.oauth_google: this provider has a line already; with and without "oauth_" a name means the same',
      expect.stringMatching(/^8:3 providers\.…: expected a provider name such as "oauth_google"/),
    ])
  })

  it('a mistyped default is no provider, unless it is spelled out', () => {
    expect(problemsOf(`${minimal}providers:\n  defualt: clerk\n`)).toEqual([
      '6:3 providers.defualt: did you mean "default"? For a provider of this name, write it with "oauth_" in front',
    ])
    expect(Object.keys(load(`${minimal}providers: { oauth_defualt: clerk }\n`).providers.routes)).toEqual([
      'oauth_defualt',
    ])
  })
})

describe('auth', () => {
  it('two services cannot share an id or a key', () => {
    const text = services(
      `{ id: a, key_sha256: ${hash} }`,
      `{ id: a, key_sha256: ${otherHash} }`,
      `{ id: b, key_sha256: ${hash} }`,
    )
    expect(problemsOf(text)).toEqual([
      '6:13 auth.services[1].id: another service has this id',
      '7:28 auth.services[2].key_sha256: another service has the same key',
    ])
  })

  it('an issuer is listed once', () => {
    const issuer = '{ issuer: i, audience: a, jwks_url: https://a.example/jwks, algorithms: [ES256] }'
    expect(problemsOf(`${minimal}  issuers: [ ${issuer},\n    ${issuer} ]\n`)).toEqual([
      '6:15 auth.issuers[1].issuer: this issuer is listed above already',
    ])
  })

  it('a grant names providers', () => {
    const text = services(`{ id: a, key_sha256: ${hash}, grants: [ { providers: [ google, "*", "a\\tx" ] } ] }`)
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(
        /^5:\d+ auth\.services\[0\]\.grants\[0\]\.providers\[2\]: expected a provider name .*or "\*"$/,
      ),
    ])
  })

  it('an option that another one requires is reported in the words of its platform', () => {
    const keycloak = '{ platform: keycloak, base_url: https://id.example, realm: r, method: token_exchange }'
    expect(problemsOf(minimal.replace('auth:', `  broker: ${keycloak}\nproviders: { default: clerk }\nauth:`))).toEqual(
      ['3:3 upstreams.broker.client: the method token_exchange needs a client'],
    )
  })

  it('a part that failed is reported by its schema, and no rule reads it', () => {
    expect(
      problemsOf('mode: prod\nupstreams: 5\nproviders: [ x ]\nauth: { services: 7 }\naudit: { sink: 1 }\n'),
    ).toEqual([
      expect.stringMatching(/^1:7 mode: expected one of/),
      '2:12 upstreams: expected a mapping, got a number',
      '3:12 providers: expected a mapping, got a list',
      '4:19 auth.services: expected a list, got a number',
      expect.stringMatching(/^5:16 audit\.sink: expected one of/),
    ])
  })

  it('rules are checked although another part of the same list has the wrong type', () => {
    const text = services(`{ id: a, key_sha256: 1 }`, `{ id: a, key_sha256: ${hash} }`)
    expect(problemsOf(text).map((line) => line.split(':', 3).slice(0, 2).join(':').split(' ')[1])).toEqual([
      'auth.services[0].key_sha256',
      'auth.services[1].id',
    ])
  })
})

describe('what would be found at start, or never', () => {
  it('the port of the metrics is another one than that of the graph', () => {
    const both = (listen: string, metrics: string): string =>
      `${minimal}listen: { ${listen} }\nmetrics: { ${metrics} }\n`
    const problem = 'metrics.port: the graph listens on this port; expected another one'
    expect(problemsOf(both('port: 4100', 'port: 4100'))).toEqual([`6:18 ${problem}`])
    expect(problemsOf(`${minimal}metrics: { port: 4000 }\n`)).toEqual([`5:18 ${problem}`])
    expect(problemsOf(both('port: 4100, host: 0.0.0.0', 'port: 4100, host: 127.0.0.1'))).toEqual([`6:18 ${problem}`])
    for (const apart of [
      both('port: 4100, host: 127.0.0.1', 'port: 4100, host: 127.0.0.2'),
      both('port: 0', 'port: 0'),
      both('port: 4100', 'port: 4101'),
    ])
      expect(load(apart).metrics).not.toBeNull()
  })

  it('the time in which balancers look away is a part of the time to drain', () => {
    expect(problemsOf(`${minimal}drain_seconds: 2\nunready_seconds: 5\n`)).toEqual([
      '6:18 unready_seconds: longer than drain_seconds (2), of which it is a part',
    ])
    expect(load(`${minimal}drain_seconds: 5\nunready_seconds: 5\n`).drain_seconds).toBe(5)
  })

  it('a publishable key is no secret key, and a key is no SHA-256', () => {
    expect(problemsOf(minimal.replace('"${CLERK_SECRET_KEY}"', 'pk_live_invented'))).toEqual([
      expect.stringContaining(
        'upstreams.clerk.secret_key: this is a publishable key, which pages show; expected the secret key',
      ),
    ])
    expect(problemsOf(services(`{ id: a, key_sha256: tgk_${'a'.repeat(43)} }`))).toEqual([
      expect.stringContaining('auth.services[0].key_sha256: this is the key itself; expected its SHA-256'),
    ])
  })
})
