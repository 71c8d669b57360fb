/** Who may import whom (DESIGN section 4). */
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
      name: 'no-dev-dependencies',
      comment: 'what the server needs must be there in production',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'] },
    },
    only(
      'schema-knows-no-platform',
      '^src/schema/',
      '^(src/(server|config|upstreams|commands|development)|node_modules/undici)',
      'the schema knows access, tokens and errors; never a platform nor HTTP',
    ),
    only(
      'upstreams-know-no-graph',
      '^src/upstreams/',
      '^(src/(schema|server|config|auth|commands|development)|node_modules/(graphql|@pothos|@graphql-tools))',
      'a platform knows nothing of GraphQL, configuration files or callers',
    ),
    {
      name: 'tokens-know-the-interface',
      comment: 'loaders and source know upstreams/upstream.ts, never a concrete platform',
      severity: 'error',
      from: { path: '^src/tokens/' },
      to: { path: '^src/', pathNot: '^src/(tokens/|errors\\.ts|upstreams/upstream\\.ts)' },
    },
    only(
      'auth-is-its-own',
      '^src/auth/',
      '^src/(schema|server|config|upstreams|commands|development)',
      'who may read what depends on no platform and no transport',
    ),
    {
      name: 'only-cli-and-config-know-the-registry',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli|config|commands/|development)' },
      to: { path: '^src/upstreams/registry\\.ts$' },
    },
    {
      name: 'nothing-knows-the-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli\\.ts|commands/)' },
      to: { path: '^src/(cli\\.ts|commands/)' },
    },
    {
      name: 'nothing-knows-the-server',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli\\.ts|commands/|server/)' },
      to: { path: '^src/server/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^test/gql/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
