/** Prints both forms of the schema, and typed documents for tests and examples: `npm run generate`. */
import type { CodegenConfig } from '@graphql-codegen/cli'
import { schema } from './src/schema/index.ts'
import { printClientSchema } from './src/schema/sdl.ts'

const typedDocuments = {
  preset: 'client',
  presetConfig: { fragmentMasking: false },
  config: {
    useTypeImports: true,
    enumsAsTypes: true,
    strictScalars: true,
    scalars: { JSON: 'Record<string, unknown>', UnixTimestamp: 'number', ID: 'string' },
  },
} as const

const config: CodegenConfig = {
  schema: printClientSchema(schema),
  ignoreNoDocuments: true,
  importExtension: '.ts',
  generates: {
    'schema.graphql': { plugins: ['./scripts/codegen-sdl.ts'], config: { sdl: 'client' } },
    'subgraph.graphql': { plugins: ['./scripts/codegen-sdl.ts'], config: { sdl: 'subgraph' } },
    'test/gql/': {
      documents: ['test/**/*.ts', 'examples/**/*.ts', '!test/gql/**', '!examples/web/**'],
      ...typedDocuments,
    },
    'examples/web/src/gql/': {
      documents: ['examples/web/src/**/*.{ts,tsx}', '!examples/web/src/gql/**'],
      ...typedDocuments,
    },
  },
}

export default config
