/** Reads Kubernetes manifests and checks them with the schemas and the types of kubernetes-models. */
import { join } from 'node:path'
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule'
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor'
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { Service } from 'kubernetes-models/v1/Service'
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount'
import ts from 'typescript'
import { parseAllDocuments } from 'yaml'
import { root } from '../docs/pages.ts'
import { readDeploy } from './compose.ts'

/** What a kind is validated by, and the module of its type. */
const models = {
  ConfigMap: [ConfigMap, 'kubernetes-models/v1/ConfigMap'],
  NetworkPolicy: [NetworkPolicy, 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'],
  PodDisruptionBudget: [PodDisruptionBudget, 'kubernetes-models/policy/v1/PodDisruptionBudget'],
  PrometheusRule: [PrometheusRule, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule'],
  Service: [Service, 'kubernetes-models/v1/Service'],
  ServiceAccount: [ServiceAccount, 'kubernetes-models/v1/ServiceAccount'],
  ServiceMonitor: [ServiceMonitor, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor'],
  StatefulSet: [StatefulSet, 'kubernetes-models/apps/v1/StatefulSet'],
} as const

export interface Manifest {
  readonly apiVersion: string
  readonly kind: keyof typeof models
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
}

export function readManifests(file: string): Manifest[] {
  return parseAllDocuments(readDeploy(file)).map((document) => document.toJS() as Manifest)
}

/** Returns why the schema of its kind refuses a manifest. */
export function findInvalid(manifest: Manifest): string[] {
  const [model] = models[manifest.kind]
  try {
    const made = new model(manifest as never)
    made.validate()
    return made.apiVersion === manifest.apiVersion ? [] : [`${manifest.kind} is of ${made.apiVersion}`]
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

/**
 * Returns the fields that no kind has: the schemas let them pass, and a cluster would drop them. TypeScript finds them,
 * because a literal may have no more properties than its type.
 */
export function findUnknownFields(manifests: readonly Manifest[]): string[] {
  const file = join(root, 'test/deploy/virtual.ts')
  const source = manifests
    .map(
      (manifest, n) =>
        `import type { I${manifest.kind} as T${String(n)} } from '${models[manifest.kind][1]}'\n` +
        `export const m${String(n)}: T${String(n)} = ${JSON.stringify(manifest)}\n`,
    )
    .join('')
  const options: ts.CompilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2024,
  }
  const host = ts.createCompilerHost(options)
  const { readFile, fileExists, getSourceFile } = host
  host.fileExists = (name) => name === file || fileExists(name)
  host.readFile = (name) => (name === file ? source : readFile(name))
  host.getSourceFile = (name, language, ...rest) =>
    name === file ? ts.createSourceFile(name, source, language) : getSourceFile(name, language, ...rest)
  const program = ts.createProgram([file], options, host)
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n').split('\n').at(-1) ?? '')
}
