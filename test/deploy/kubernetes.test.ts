/** The manifests are valid, agree with each other, and run what this server is. */
import { join } from 'node:path'
import Ajv from 'ajv'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readResult } from '../../bench/report.ts'
import { copies, digestChart } from '../../scripts/render-chart.ts'
import { loadConfig } from '../../src/config/load.ts'
import { testFolder } from '../kit/folder.ts'
import { startTestServer } from '../kit/server.ts'
import { readDeploy } from './compose.ts'
import { findInvalid, findUnknownFields, readManifests } from './manifests.ts'
import type { Manifest } from './manifests.ts'

const files = ['kubernetes/tokengraph.yaml', 'kubernetes/monitoring.yaml']
const manifests = files.flatMap(readManifests)

/** The one manifest of a kind with the name. */
function find(kind: Manifest['kind'], name = 'tokengraph'): unknown {
  const [found, another] = manifests.filter((one) => one.kind === kind && one.metadata.name === name)
  if (found === undefined || another !== undefined) throw new Error(`not one ${kind} ${name}`)
  return found
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
  readonly periodSeconds: number
}
interface Container {
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly startupProbe: Probe
  readonly readinessProbe: Probe
  readonly livenessProbe: Probe
  readonly resources: {
    readonly requests: Readonly<Record<string, string>>
    readonly limits: Readonly<Record<string, string>>
  }
  readonly securityContext: object
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[]
}
interface StatefulSet {
  readonly spec: {
    readonly replicas: number
    readonly serviceName: string
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> }
      readonly spec: {
        readonly containers: readonly [Container]
        readonly volumes: readonly { readonly name: string; readonly secret?: { readonly defaultMode: number } }[]
        readonly terminationGracePeriodSeconds: number
        readonly securityContext: object
      }
    }
    readonly volumeClaimTemplates: readonly { readonly metadata: { readonly name: string } }[]
  }
}

const set = find('StatefulSet') as StatefulSet
const pod = set.spec.template
const [container] = pod.spec.containers
const configuration = (find('ConfigMap') as { data: { 'tokengraph.yaml': string } }).data['tokengraph.yaml']
const secretsPath = '/run/secrets/tokengraph'

/** Loads the configuration over a folder of invented secrets. */
function loadMounted() {
  const folder = testFolder()
  const invented: Readonly<Record<string, string>> = {
    'database-url': 'postgres://tokengraph:invented@postgresql/tokengraph',
    'vault-key': 'invented-ring-secret-0123456789-abcdef',
    'audit-key': 'invented-audit-secret-0123456789-abcdef',
    'backend-sha256': '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
  }
  for (const [name, value] of Object.entries(invented)) folder.write(name, `${value}\n`)
  const text = configuration.replaceAll(secretsPath, folder.path)
  return loadConfig({ file: folder.write('tokengraph.yaml', text), env: {} })
}

describe('every manifest', () => {
  it.each(manifests.map((one) => [`${one.kind} ${one.metadata.name}`, one] as const))('%s is valid', (_, manifest) => {
    expect(findInvalid(manifest)).toEqual([])
  })

  it('has no field that its kind does not have', () => {
    expect(findUnknownFields(manifests)).toEqual([])
  })

  it('would not be with a wrong value or an unknown field', () => {
    const wrong = { ...set, spec: { ...set.spec, replicas: 'three', hurry: true } } as unknown as Manifest
    expect(findInvalid(wrong)).toEqual([expect.stringContaining('spec/replicas must be integer')])
    expect(findUnknownFields([wrong]).join()).toMatch(/hurry|not assignable/)
  })
})

describe('the rendering', () => {
  it.each(files)('%s is of the current chart: otherwise `npm run chart:render`', (file) => {
    expect(readDeploy(file).split('\n')[0]).toContain(`chart ${digestChart()}`)
  })

  it.each(Object.entries(copies))('the chart has the current %s', (from, to) => {
    expect(readDeploy(to)).toBe(readDeploy(from))
  })

  it('has the alert rules as they are', () => {
    const { spec } = find('PrometheusRule') as { spec: unknown }
    expect(spec).toEqual(parse(readDeploy('prometheus/alerts.yaml')))
  })

  it('comes from values that the schema of the chart accepts, and mistakes are found', () => {
    const values = parse(readDeploy('helm/tokengraph/values.yaml')) as { networkPolicy: object }
    const validate = new Ajv({ allErrors: true }).compile(
      JSON.parse(readDeploy('helm/tokengraph/values.schema.json')) as object,
    )
    validate(values)
    expect(validate.errors).toBeNull()
    expect(validate({ ...values, replicas: 0 })).toBe(false)
    expect(validate({ ...values, networkPolicy: { ...values.networkPolicy, client: [] } })).toBe(false)
  })
})

describe('the pods', () => {
  it('are what the services, the budget and the policy select', () => {
    for (const name of ['tokengraph', 'tokengraph-replicas']) {
      const { spec } = find('Service', name) as { spec: { selector: object; ports: { targetPort: string }[] } }
      expect(pod.metadata.labels).toMatchObject(spec.selector)
      for (const { targetPort } of spec.ports) expect(container.ports.map((port) => port.name)).toContain(targetPort)
    }
    const budget = find('PodDisruptionBudget') as { spec: { selector: { matchLabels: object } } }
    expect(pod.metadata.labels).toMatchObject(budget.spec.selector.matchLabels)
    const policy = find('NetworkPolicy') as { spec: { podSelector: { matchLabels: object } } }
    expect(pod.metadata.labels).toMatchObject(policy.spec.podSelector.matchLabels)
    const monitor = find('ServiceMonitor') as { spec: { selector: { matchLabels: object } } }
    const { metadata } = find('Service', set.spec.serviceName) as Manifest
    expect(metadata.labels).toMatchObject(monitor.spec.selector.matchLabels)
  })

  it('may do nothing that they do not need', () => {
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    const secret = pod.spec.volumes.find(({ name }) => name === 'secrets')?.secret
    expect(secret?.defaultMode).toBe(0o440)
  })

  it('reach no private address beyond the database and DNS', () => {
    const { spec } = find('NetworkPolicy') as {
      spec: { egress: { to: { ipBlock?: { cidr: string; except: string[] } }[] }[] }
    }
    const blocks = spec.egress.flatMap(({ to }) => to.flatMap(({ ipBlock }) => (ipBlock ? [ipBlock] : [])))
    expect(blocks.map(({ cidr }) => cidr)).toEqual(['0.0.0.0/0', '::/0'])
    expect(blocks.flatMap(({ except }) => except)).toEqual(
      expect.arrayContaining(['10.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']),
    )
  })

  it('have the memory that was measured', () => {
    const { rows } = readResult().servers
    const own = rows.filter(({ isTokengraph }) => isTokengraph)
    expect(own.length).toBeGreaterThan(0)
    const megabytes = (text = '') => (Number(/^(\d+)Mi$/.exec(text)?.[1]) * 1024 * 1024) / 1_000_000
    expect(megabytes(container.resources.requests.memory)).toBeGreaterThan(Math.max(...own.map(({ idle }) => idle)))
    expect(megabytes(container.resources.limits.memory)).toBeGreaterThan(Math.max(...own.map(({ loaded }) => loaded)))
    expect(container.resources.limits).not.toHaveProperty('cpu')
  })
})

describe('the configuration', () => {
  it('is accepted, listens where the probes and services look, and ends before the kubelet does', () => {
    const config = loadMounted()
    const ports = Object.fromEntries(container.ports.map(({ name, containerPort }) => [name, containerPort]))
    expect(ports).toEqual({ http: config.listen.port, metrics: config.metrics?.port })
    expect([config.listen.host, config.metrics?.host]).toEqual(['0.0.0.0', '0.0.0.0'])
    expect(config.drain_seconds).toBeLessThan(pod.spec.terminationGracePeriodSeconds)
    expect(config.unready_seconds).toBeGreaterThan(container.readinessProbe.periodSeconds)
    expect(set.spec.replicas).toBe(3)
  })

  it('writes to the volume of the replica, and reads secrets that are mounted', () => {
    const written = [...configuration.matchAll(/(?:spool_)?path: (\S+)/g)].map(([, path = '']) => path)
    const mount = container.volumeMounts.find(({ name }) => name === set.spec.volumeClaimTemplates[0]?.metadata.name)
    expect(mount?.readOnly).toBeUndefined()
    expect(written).toHaveLength(2)
    for (const path of written) expect(path.startsWith(`${mount?.mountPath ?? ''}/`)).toBe(true)
    const read = [...configuration.matchAll(/\$\{file:([^}]+)\}/g)].map(([, path = '']) => path)
    expect(container.volumeMounts.map(({ mountPath }) => mountPath)).toContain(secretsPath)
    expect(read.map((path) => join(path, '..'))).toEqual(read.map(() => secretsPath))
  })

  it('is at the place that the image looks for it', () => {
    const { mountPath = '' } = container.volumeMounts.find(({ name }) => name === 'config') ?? {}
    expect(readDeploy('../Containerfile')).toContain(`ENV TOKENGRAPH_CONFIG=${mountPath}/tokengraph.yaml\n`)
  })
})

it('every probe and the scrape are answered by a running server', async () => {
  await using server = await startTestServer({
    file: {
      metrics: { port: 0 },
      upstreams: { clerk: { platform: 'clerk', secret_key: 'sk_test_invented' } },
    },
  })
  const { startupProbe, readinessProbe, livenessProbe } = container
  for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe]) {
    expect(httpGet.port).toBe('http')
    expect((await fetch(`${server.url}${httpGet.path}`)).status).toBe(200)
  }
  const { spec } = find('ServiceMonitor') as { spec: { endpoints: [{ port: string; path: string }] } }
  expect(spec.endpoints[0].port).toBe('metrics')
  expect((await fetch(`${server.metrics_url ?? ''}${spec.endpoints[0].path}`)).status).toBe(200)
})
