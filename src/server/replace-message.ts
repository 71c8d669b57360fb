/** The same error, in its place and with its extensions, with another message. */
import { GraphQLError } from 'graphql'

export function replaceMessage(error: GraphQLError, message: string): GraphQLError {
  const { nodes = null, source = null, positions = null, path = null, extensions } = error
  return new GraphQLError(message, { nodes, source, positions, path, extensions })
}
