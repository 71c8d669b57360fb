/** Prints both forms of the schema, and typed documents for tests and examples: `npm run generate`. */
import type { CodegenConfig } from '@graphql-codegen/cli'
import { schema } from './src/schema/index.ts'
import { printClientSchema } from './src/schema/sdl.ts'

const config: CodegenConfig = {
  schema: printClientSchema(schema),
  documents: ['test/**/*.ts', 'examples/**/*.ts', 'examples/**/*.tsx', '!test/gql/**'],
  ignoreNoDocuments: true,
  importExtension: '.ts',
  generates: {
    'schema.graphql': { plugins: ['./scripts/codegen-sdl.ts'], config: { sdl: 'client' } },
    'subgraph.graphql': { plugins: ['./scripts/codegen-sdl.ts'], config: { sdl: 'subgraph' } },
    'test/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        strictScalars: true,
        scalars: { JSON: 'Record<string, unknown>', UnixTimestamp: 'number', ID: 'string' },
      },
    },
  },
}

export default config
