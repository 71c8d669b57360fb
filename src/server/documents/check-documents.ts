/** What a request would meet, before there is one: every registered document against the schema and the limits. */
import { Kind } from 'graphql'
import type { DocumentNode, GraphQLError, GraphQLSchema } from 'graphql'
import { createYoga } from 'graphql-yoga'
import type { Limits } from '../../config/limits.ts'
import { limitDocuments } from '../limit-documents.ts'

/** Returns a function from the text of a document to what is wrong with it, in the words that a caller would read. */
export function createCheckDocument(schema: GraphQLSchema, limits: Limits): (text: string) => readonly string[] {
  const { parse, validate } = createYoga({
    schema,
    plugins: limitDocuments(limits),
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

/** graphql does not look for operations of a kind that the schema has not. */
function findMissingKinds(schema: GraphQLSchema, { definitions }: DocumentNode): readonly string[] {
  return definitions
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .filter(({ operation }) => schema.getRootType(operation) == null)
    .map(({ operation }) => `The schema has no ${operation}.`)
}

function sentence({ message, locations }: GraphQLError): string {
  const [place] = locations ?? []
  return place === undefined ? message : `${message} (${String(place.line)}:${String(place.column)})`
}
