/** The import rules; docs/architecture.md explains them. */
const only = (name, from, forbidden, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: forbidden },
})

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/' },
      to: {},
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-unlisted-dependencies',
      comment: 'what the server needs is installed beside it or vendored (docs/adr/0015-vendored-packages.md)',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-no-pkg'] },
    },
    only('lib-knows-nothing', '^src/lib/', '^src/(?!lib/)', 'lib has no product words: it imports nothing of ours'),
    only(
      'schema-knows-no-platform',
      '^src/schema/',
      '^(src/(server|http|config|upstreams|commands|development|gateway-proof|main\\.ts)|node_modules/undici)',
      'the schema knows policy, audit, tokens and errors; never a platform nor HTTP',
    ),
    only(
      'upstreams-know-no-graph',
      '^src/upstreams/',
      '^(src/(schema|server|http|config|auth|audit|gateway-proof|commands|development|main\\.ts)|node_modules/(graphql|@pothos|@graphql-tools))',
      'a platform knows nothing of GraphQL, configuration files or callers',
    ),
    {
      name: 'a-platform-knows-the-kit',
      comment:
        'a platform imports its own folder and the kit; two platforms over one Auth0 tenant share what they have in common',
      severity: 'error',
      from: { path: '^src/upstreams/(?!http/)([^/]+)/' },
      to: { path: '^src/', pathNot: '^src/upstreams/($1/|kit\\.ts$|auth0/tenant\\.ts$)' },
    },
    {
      name: 'tokens-know-the-interface',
      comment: 'loaders and source know upstreams/platform.ts, never a concrete platform',
      severity: 'error',
      from: { path: '^src/tokens/' },
      to: { path: '^src/', pathNot: '^src/(tokens/|lib/|errors\\.ts|upstreams/platform\\.ts)' },
    },
    only(
      'auth-is-its-own',
      '^src/(auth|gateway-proof)/',
      '^src/(schema|server|http|config|upstreams|commands|development|audit|main\\.ts)',
      'who may read what depends on no platform and no transport',
    ),
    only(
      'audit-is-its-own',
      '^src/audit/',
      '^src/(schema|server|http|config|upstreams|commands|development|gateway-proof|main\\.ts)',
      'the audit depends on no platform and no transport',
    ),
    only(
      'http-comes-before-graphql',
      '^src/http/',
      '^(src/(schema|server|config|upstreams|commands|development|main\\.ts)|node_modules/(graphql|graphql-yoga|@pothos))',
      'what is decided before GraphQL knows nothing of it',
    ),
    {
      name: 'only-main-and-config-know-the-registry',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/((?:main|index)\\.ts|config|commands/|development)' },
      to: { path: '^src/upstreams/registry\\.ts$' },
    },
    {
      name: 'nothing-knows-the-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli\\.ts|index\\.ts|main\\.ts|commands/)' },
      to: { path: '^src/(cli\\.ts|main\\.ts|commands/)' },
    },
    {
      name: 'nothing-knows-the-server',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli\\.ts|index\\.ts|main\\.ts|commands/|config|development/|server/)' },
      to: { path: '^src/server/' },
    },
    {
      name: 'config-knows-options-only',
      comment: 'options stand beside the code that uses them; config puts them together and knows nothing else of it',
      severity: 'error',
      from: { path: '^src/config' },
      to: { path: '^src/(audit|auth|gateway-proof|server|http)/', pathNot: '/options\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(test/gql|bench/peers)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
