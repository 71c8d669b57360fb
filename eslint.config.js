import graphql from '@graphql-eslint/eslint-plugin'
import regexp from 'eslint-plugin-regexp'
import tseslint from 'typescript-eslint'

const names = [
  {
    selector: ['variable', 'parameter', 'function'],
    format: ['camelCase', 'PascalCase', 'UPPER_CASE'],
    leadingUnderscore: 'allow',
  },
  { selector: 'parameter', format: null, filter: '^_+$' },
  { selector: ['variable', 'parameter'], modifiers: ['destructured'], format: null },
  { selector: 'typeLike', format: ['PascalCase'], leadingUnderscore: 'allow' },
]
const camelCaseProperties = [{ selector: ['typeProperty', 'typeMethod'], format: ['camelCase'] }]

/** Files whose types describe something on the wire, in the configuration file or in the database. */
const wireFiles = [
  'src/errors.ts',
  'src/audit/record.ts',
  'src/config/load.ts',
  'src/schema/*.ts',
  'src/tokens/types.ts',
  'src/upstreams/platform.ts',
  'src/upstreams/*/{api,tenant}.ts',
  'src/upstreams/better-auth/postgres.ts',
  'src/upstreams/vault/store/{crypto,keys,manage,read,rotate,rows,tables}.ts',
  'src/upstreams/vault/refresh/{attempt,client-health,keep,leases}.ts',
  'src/upstreams/vault/{disconnect,events}/outbox.ts',
  'src/upstreams/vault/connect/requests.ts',
  'src/auth/service-keys.ts',
  'src/http/overload.ts',
  'src/**/options.ts',
]

// Where operations stand in TypeScript, as graphql(`…`).
const documents = ['examples/**/*.ts', 'examples/**/*.tsx', 'test/tools/*.ts']

// What oxlint (`.oxlintrc.json`) has no rules for, in what users run or copy.
const typescript = [
  {
    files: ['src/**/*.ts', ...documents],
    languageOptions: { parser: tseslint.parser },
    plugins: { regexp },
    rules: {
      // A text that a caller chose must not take more than linear time (docs/promises.md S11).
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential', ignorePartial: false }],
    },
  },
  {
    // snake_case is for what is on the wire, in YAML or in SQL (CONTRIBUTING.md); a destructured name is the wire's own.
    files: ['src/**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: { '@typescript-eslint/naming-convention': ['error', ...names, ...camelCaseProperties] },
  },
  { files: wireFiles, rules: { '@typescript-eslint/naming-convention': ['error', ...names] } },
  {
    // A duration by the wall clock ends early or late when somebody sets it.
    files: ['src/**/*.ts'],
    ignores: ['src/lib/time.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.name='Date'][property.name='now']",
          message: 'Durations: monotonicMs(); absolute times: unixMs() or unixSeconds(); both of lib/time.ts.',
        },
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Use isoNow() of lib/time.ts.' },
        { selector: "CallExpression[callee.name='Date']", message: 'Use isoNow() of lib/time.ts.' },
        {
          // What the rules of eslint-plugin-regexp do not see: `/ by .*!$/` looks at the rest of the text at each ` by `.
          selector: String.raw`Literal[regex.pattern=/^(?!\^).*\.[*+].*\$$/]`,
          message: 'Quadratic: anchor it at its start, or use lastIndexOf.',
        },
      ],
    },
  },
]

const operationRules = graphql.configs['flat/operations-recommended'].rules

// One for both: the plugin keeps the first that it meets.
const graphqlLanguage = {
  parser: graphql.parser,
  parserOptions: { graphQLConfig: { schema: './schema.graphql', documents } },
}

export default [
  { ignores: ['node_modules', 'dist', 'coverage', 'data', 'test/gql', 'examples/web/src/gql', 'examples/web/dist'] },
  // What is linted is schema.graphql: this parser cannot read the Federation SDL (@link beside @oneOf), and the released
  // schema was linted when it was released.
  { ignores: ['subgraph.graphql', 'test/tools/released.graphql', 'deploy/compose/gateway/supergraph.graphql'] },
  { files: documents, processor: graphql.processor },
  ...typescript,
  {
    files: ['schema.graphql'],
    plugins: { '@graphql-eslint': graphql },
    languageOptions: graphqlLanguage,
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      // Names on the wire are the documented snake_case names (docs/adr/0001-snake-case-on-the-wire.md).
      '@graphql-eslint/naming-convention': [
        'error',
        {
          types: 'PascalCase',
          FieldDefinition: 'snake_case',
          Argument: 'snake_case',
          InputValueDefinition: 'snake_case',
          // all but the documented literal
          'EnumTypeDefinition[name.value!=OAuthAccessTokenObject] EnumValueDefinition': 'UPPER_CASE',
        },
      ],
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          EnumValueDefinition: true,
          DirectiveDefinition: true,
        },
      ],
      '@graphql-eslint/strict-id-in-types': [
        'error',
        // a token is a value, a connection a state, and payloads and pages are answers: none of them is a node
        {
          exceptions: { types: ['OAuthAccessToken', 'OAuthConnection', 'ConnectionEventPage'], suffixes: ['Payload'] },
        },
      ],
    },
  },
  {
    files: ['**/*.graphql'],
    ignores: ['schema.graphql'],
    plugins: { '@graphql-eslint': graphql },
    languageOptions: graphqlLanguage,
    rules: {
      ...operationRules,
      // Variables are named like the arguments that they fill.
      '@graphql-eslint/naming-convention': [
        'error',
        { ...operationRules['@graphql-eslint/naming-convention'][1], VariableDefinition: 'snake_case' },
      ],
    },
  },
  {
    // What the docs show is sent alone, and to read rather than to cache its answer.
    files: ['docs/*.graphql'],
    rules: { '@graphql-eslint/no-anonymous-operations': 'off', '@graphql-eslint/require-selections': 'off' },
  },
]
