/**
 * The id of the registered document that a request asks for. Two forms mean the same: `documentId` (GraphQL over HTTP,
 * appendix A) and `extensions.persistedQuery.sha256Hash` (Apollo's clients). Pure.
 */
import type { GraphQLParams } from 'graphql-yoga'
import { canonicalId } from './manifest.ts'

export type RequestedId =
  | { readonly kind: 'none' }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'unreadable'; readonly message: string }

export function readRequestedId(params: GraphQLParams): RequestedId {
  const { documentId } = params as { readonly documentId?: unknown }
  const persistedQuery: unknown = params.extensions?.persistedQuery
  const ids: string[] = []
  if (documentId != null) {
    if (typeof documentId !== 'string') return unreadable('The member documentId must be a string.')
    ids.push(canonicalId(documentId))
  }
  if (persistedQuery != null) {
    const { version, sha256Hash } = persistedQuery as Readonly<Record<string, unknown>>
    if (version !== 1 || typeof sha256Hash !== 'string')
      return unreadable('The extension persistedQuery must have the version 1 and a sha256Hash.')
    ids.push(canonicalId(sha256Hash))
  }
  const [id, other = id] = ids
  if (id !== other) return unreadable('The member documentId and the extension persistedQuery name two documents.')
  return id === undefined ? { kind: 'none' } : { kind: 'id', id }
}

function unreadable(message: string): RequestedId {
  return { kind: 'unreadable', message }
}
