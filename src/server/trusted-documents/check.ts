/** Checks every registered document against the schema and the limits before the server starts. */
import { Kind } from 'graphql'
import type { DocumentNode, GraphQLError, GraphQLSchema } from 'graphql'
import { YogaServer } from 'graphql-yoga'
import { ConfigError, readConfigFile } from '../../config/load.ts'
import type { Config } from '../../config/load.ts'
import type { Problem } from '../../config/problems.ts'
import { schema } from '../../schema/index.ts'
import { useDocumentLimits } from '../limits/documents.ts'
import type { Limits } from '../limits/options.ts'
import { idText, readManifest } from './manifest.ts'
import type { TrustedDocuments } from './plugin.ts'

/** Returns a function from the text of a document to its mistakes, in the words that a caller would read. */
function createCheckDocument(schema: GraphQLSchema, limits: Limits): (text: string) => readonly string[] {
  // As `graph.ts` does, and for the same reason.
  const { parse, validate } = new YogaServer({
    schema,
    plugins: [useDocumentLimits(limits)],
    logging: false,
    parserAndValidationCache: false,
  }).getEnveloped()
  return (text) => {
    try {
      const document = parse(text) as DocumentNode
      const errors = validate(schema, document) as readonly GraphQLError[]
      return errors.length > 0 ? errors.map(sentence) : findMissingKinds(schema, document)
    } catch (error) {
      return [sentence(error as GraphQLError)]
    }
  }
}

/** Validation of graphql-js accepts operations of a kind that the schema does not have. */
function findMissingKinds(schema: GraphQLSchema, { definitions }: DocumentNode): readonly string[] {
  return definitions
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .filter(({ operation }) => schema.getRootType(operation) == null)
    .map(({ operation }) => `The schema has no ${operation}.`)
}

function sentence({ message, locations }: GraphQLError): string {
  const [place] = locations ?? []
  return place === undefined ? message : `${message} (${place.line}:${place.column})`
}

const MAX_MEBIBYTES = 16

/**
 * Reads and checks the registered documents, so that each of them can be executed; null when none are configured.
 * Throws one `ConfigError` that names every file, document and mistake.
 */
export function openDocuments({
  documents: config,
  limits,
}: Pick<Config, 'documents' | 'limits'>): TrustedDocuments | null {
  if (config === null) return null
  const check = createCheckDocument(schema, limits)
  const documents = new Map<string, string>()
  const problems: Problem[] = []
  for (const file of config.manifests) {
    const report = (path: string, message: string) =>
      void problems.push({ where: file, path, line: null, column: null, message })
    const { entries, mistakes } = readManifest(readConfigFile(file, 'documents.manifest', MAX_MEBIBYTES))
    for (const { of, message } of mistakes) report(of, message)
    for (const { id, text } of entries) {
      const known = documents.get(id)
      // Two clients may share a document.
      if (known !== undefined && known !== text) report(idText(id), 'another manifest has another document of this id')
      for (const message of check(text)) report(idText(id), message)
      documents.set(id, text)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return { documents, mode: config.mode, freeServices: config.free_services }
}
