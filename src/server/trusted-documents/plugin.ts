/**
 * Executes registered documents by their id. Nothing is registered at run time: a request with an id and another text
 * executes nothing (TRUST C.1, mercurius #1228), where @graphql-yoga/plugin-persisted-operations executes the text.
 */
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import { GraphQLError, Kind } from 'graphql'
import type { ASTVisitor, DocumentNode, ValidationContext } from 'graphql'
import { maySeeSchema } from '../../auth/policy.ts'
import type { Viewer } from '../../auth/viewer.ts'
import type { RequestState } from '../context.ts'
import type { Mode } from '../../mode.ts'
import { canonicalId } from './manifest.ts'

export interface TrustedDocuments {
  /** By id, as `canonicalId` makes it. */
  readonly documents: ReadonlyMap<string, string>
  readonly mode: 'only' | 'allow'
  /** The ids of the services that may send any operation in mode `only`. */
  readonly free_services: readonly string[]
}

export function useTrustedDocuments(
  { documents, mode, free_services }: TrustedDocuments,
  serverMode: Mode,
): Plugin<object, RequestState> {
  const isFree = (viewer: Viewer | undefined) => viewer?.kind === 'service' && free_services.includes(viewer.id)
  const mayAskForSchema = (viewer: Viewer | undefined) =>
    serverMode === 'development' || (viewer !== undefined && maySeeSchema(viewer))

  return {
    onParams({ params, setParams, context }) {
      const { documentId: _, ...rest } = params as typeof params & { readonly documentId?: unknown }
      const { query } = rest
      const state: RequestState = context
      const requested = readRequestedId(params)
      if (requested.kind === 'unreadable') throw refuse(requested.message)
      if (requested.kind === 'id') {
        const text = documents.get(requested.id)
        if (text === undefined) throw refuse('No document is registered with this id.')
        if (query != null && query !== text)
          throw refuse('The query is not the document that is registered with the id.')
        state.document_id = requested.id
        setParams({ ...rest, query: text })
        return
      }
      if (query == null) throw refuse('Send a query, or the id of a registered document.')
      if (mode === 'allow' || isFree(state.viewer)) return
      if (!mayAskForSchema(state.viewer)) throw onlyRegistered()
      state.schema_only = true
    },
    onValidate({ context, addValidationRule }) {
      // The rule also keeps the cached results of these callers apart: its name is in the cache's key.
      if ((context as RequestState).schema_only === true) addValidationRule(SchemaAloneRule)
    },
  }
}

function SchemaAloneRule(context: ValidationContext): ASTVisitor {
  return {
    Document(document) {
      if (!asksForSchemaAlone(document)) context.reportError(onlyRegistered())
    },
  }
}

const schemaFields = new Set(['__schema', '__type', '__typename', '_service'])

/** Whether nothing but the schema can be in the answer: no tool spreads fragments at the root for that. */
function asksForSchemaAlone({ definitions }: DocumentNode): boolean {
  return definitions.every((definition) => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return definition.kind === Kind.FRAGMENT_DEFINITION
    return definition.selectionSet.selections.every(
      (selection) => selection.kind === Kind.FIELD && schemaFields.has(selection.name.value),
    )
  })
}

function onlyRegistered(): GraphQLError {
  return refuse('Only registered documents are executed: send the id of one.')
}

/** 400 in every media type: the request was not taken as an operation. `http` is Yoga's and never shown. */
function refuse(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } })
}

/**
 * The id of the registered document that a request asks for. Two forms mean the same: `documentId` (GraphQL over HTTP,
 * appendix A) and `extensions.persistedQuery.sha256Hash` (Apollo's clients). Pure.
 */

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
