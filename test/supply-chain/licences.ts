/** Which licences are permissive: they ask for a notice and nothing else. */

const permissive = new Set([
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT'],
  ...['Python-2.0', 'Unlicense', 'WTFPL', 'Zlib'],
])

/** Of an SPDX expression as npm packages write them: one operator, perhaps in parentheses; anything else is refused. */
export function isPermissive(expression: string | undefined): boolean {
  const bare = expression?.replace(/^\((.*)\)$/, '$1') ?? ''
  if (bare.includes(' OR ')) return bare.split(' OR ').some((part) => permissive.has(part))
  return bare.split(' AND ').every((part) => permissive.has(part))
}

/**
 * What developers and tests install all the same, by package; none of it is shipped, bundled or needed to run the
 * server. Each entry says why it is there.
 */
export const exceptions: Readonly<Record<string, { readonly licence: string; readonly reason: string }>> = {
  '@apollo/composition': {
    licence: 'Elastic-2.0',
    reason: 'one of the two composers that the subgraph is tested with',
  },
  '@apollo/federation-internals': { licence: 'Elastic-2.0', reason: 'comes with @apollo/composition and /subgraph' },
  '@apollo/gateway': { licence: 'Elastic-2.0', reason: 'one of the two gateways that the subgraph is tested behind' },
  '@apollo/query-graphs': { licence: 'Elastic-2.0', reason: 'comes with @apollo/gateway' },
  '@apollo/query-planner': { licence: 'Elastic-2.0', reason: 'comes with @apollo/gateway' },
  '@cspell/dict-en-common-misspellings': { licence: 'CC BY-SA 4.0', reason: 'a word list; comes with cspell' },
  '@logto/api': { licence: 'MPL-2.0', reason: "the official client, held against this project's local Logto" },
  '@nangohq/node': {
    licence: 'SEE LICENSE IN LICENSE FILE IN GIT REPOSITORY',
    reason: "Elastic-2.0; the official client, held against this project's local Nango",
  },
  '@nangohq/types': { licence: 'SEE LICENSE IN LICENSE FILE IN GIT REPOSITORY', reason: 'comes with @nangohq/node' },
  'axe-core': { licence: 'MPL-2.0', reason: 'the rules of accessibility that the pages are held to' },
  'caniuse-lite': { licence: 'CC-BY-4.0', reason: 'data of browsers; comes with the React plugin of Vite' },
  memorystream: { licence: 'not stated', reason: 'MIT, in a form that npm does not read; comes with npm-run-all2' },
  lightningcss: { licence: 'MPL-2.0', reason: 'comes with Vite, which builds the example page' },
}

/** The exception that a package falls under: packages with binaries of `lightningcss` are parts of it. */
export function exceptionOf(name: string): string {
  return name.startsWith('lightningcss-') ? 'lightningcss' : name
}
