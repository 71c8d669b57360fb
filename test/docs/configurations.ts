/** Completes and reads the configurations in the pages, with an invented environment. */
import { parseDocument } from 'yaml'
import { platforms } from '../../src/upstreams/registry.ts'
import { fileSchema } from '../../src/config/schema.ts'
import type { Block } from './pages.ts'

const keys = new Set(Object.keys(fileSchema(platforms).shape))

/** Programs by a key that only their files have. Such files are parsed and not loaded. */
const foreign: Readonly<Record<string, string>> = {
  federation_version: 'the input of rover supergraph compose',
  include_subgraph_errors: 'Apollo Router',
  error_masking: 'Hive Router',
  readinessProbe: 'a container of Kubernetes',
  execution_config: 'Cosmo Router',
  version: "the input of Cosmo's wgc",
}

/** Returns which program the file belongs to; an unknown one fails. */
export function ownerOf({ text }: Block): 'tokengraph' | 'foreign' | 'unknown' {
  const names = namesIn(text)
  if (names.length > 0 && names.every((name) => keys.has(name))) return 'tokengraph'
  return names.some((name) => name in foreign) ? 'foreign' : 'unknown'
}

function namesIn(text: string): string[] {
  const content: unknown = parseDocument(text.replaceAll(/\$?\{[A-Z_]+\}/g, 'x')).toJS()
  return content !== null && typeof content === 'object' ? Object.keys(content) : []
}

/** The parts that a page leaves out. */
const rest: Readonly<Record<string, string>> = {
  upstreams:
    'upstreams: { vault: { platform: vault, path: ./docs.sqlite, keys: [{ id: k1, secret: "${DOCS_KEY}" }] } }',
  auth: `auth: { services: [{ id: docs, key_sha256: ${'ab'.repeat(32)}, grants: [{ providers: ["*"] }] }] }`,
}

/** Returns the whole file. `<hex>` and `…` are placeholders for the reader's own values. */
export function completeConfig(text: string): string {
  const names = namesIn(text)
  const missing = Object.entries(rest).flatMap(([name, line]) => (names.includes(name) ? [] : [line]))
  return [text.replaceAll('<hex>', 'ab'.repeat(32)).replaceAll('…', 'invented'), ...missing].join('\n')
}

/** Invents a value for every variable that the file reads. */
export function inventEnvironment(text: string): Record<string, string> {
  const value = Buffer.alloc(32, 7).toString('base64')
  const names = [...text.matchAll(/\$\{([A-Z0-9_]+)\}/g)].map(([, name = '']) => name)
  return Object.fromEntries(names.map((name) => [name, name.startsWith('CLERK') ? 'sk_test_invented' : value]))
}
