/**
 * Executes registered documents by their id. Nothing is registered at run time: a request with an id and another text
 * is refused (mercurius issue 1228), where @graphql-yoga/plugin-persisted-operations executes the text.
 */
import { GraphQLError, Kind } from 'graphql'
import type { ASTVisitor, DocumentNode, ValidationContext } from 'graphql'
import type { GraphQLParams } from 'graphql-yoga'
import { maySeeSchema } from '../../auth/policy.ts'
import type { Mode } from '../../mode.ts'
import type { GraphPlugin, OperationRequest } from '../context.ts'
import { hashesNotSupported } from '../execution/operations.ts'
import { addRuleForSome, operationError } from '../plugins/errors.ts'
import { canonicalId } from './manifest.ts'

export interface TrustedDocuments {
  /** By id, as `canonicalId` returns it. */
  readonly documents: ReadonlyMap<string, string>
  readonly mode: 'only' | 'allow'
  /** The ids of the services that may send any operation in mode `only`. */
  readonly freeServices: readonly string[]
}

export function useTrustedDocuments(
  { documents, mode, freeServices }: TrustedDocuments,
  serverMode: Mode,
): GraphPlugin {
  /** Whether an operation that is not registered is refused, unless it asks for the schema only. */
  const isRestricted = ({ state, viewer }: OperationRequest): boolean =>
    mode === 'only' && state.documentId === null && !(viewer.kind === 'service' && freeServices.includes(viewer.id))

  return {
    onParams({ params, setParams, context }) {
      const { documentId: _, ...rest } = params as typeof params & { readonly documentId?: unknown }
      const { query } = rest
      const requested = readRequestedId(params)
      if (requested.kind === 'unreadable') throw refuse(requested.message)
      if (requested.kind === 'id') {
        const text = documents.get(requested.id)
        if (text === undefined) {
          // The client goes on with the text, which is executed as well in this mode.
          if (mode === 'allow' && requested.isHash && query == null) throw hashNotSupported()
          throw refuse('No document is registered with this id.')
        }
        if (query != null && query !== text)
          throw refuse('The query is not the document that is registered with the id.')
        context.state.documentId = requested.id
        setParams({ ...rest, query: text })
        return
      }
      if (query == null) throw refuse('Send a query, or the id of a registered document.')
      const maySeeIt = serverMode === 'development' || maySeeSchema(context.viewer)
      if (isRestricted(context) && !maySeeIt) throw onlyRegistered()
    },
    onValidate({ context, addValidationRule }) {
      if (isRestricted(context)) addRuleForSome(addValidationRule, SchemaOnlyRule)
    },
  }
}

/**
 * Returns a function from a request to the text of the operation that it may execute; null where the plugin has to
 * decide, or to say what is wrong.
 */
export function createTextOf({ documents, mode }: TrustedDocuments): (request: OperationRequest) => string | null {
  return ({ state, operation }) => {
    const { query = null } = operation
    const requested = readRequestedId(operation)
    if (requested.kind !== 'id') return requested.kind === 'none' && mode === 'allow' ? query : null
    const text = documents.get(requested.id)
    if (text === undefined || (query !== null && query !== text)) return null
    state.documentId = requested.id
    return text
  }
}

function SchemaOnlyRule(context: ValidationContext): ASTVisitor {
  return {
    Document(document) {
      if (!asksForSchemaOnly(document)) context.reportError(onlyRegistered())
    },
  }
}

const schemaFields = new Set(['__schema', '__type', '__typename', '_service'])

/** Whether the answer can hold the schema only; no tool spreads fragments at the root to ask for it. */
function asksForSchemaOnly({ definitions }: DocumentNode): boolean {
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

/** 400 with every media type: the request is not taken as an operation. */
function refuse(message: string): GraphQLError {
  return operationError(message, { status: 400 })
}

function hashNotSupported(): GraphQLError {
  const { status, code, message } = hashesNotSupported
  return new GraphQLError(message, { extensions: { code, http: { status } } })
}

type RequestedId =
  | { readonly kind: 'none' }
  | { readonly kind: 'id'; readonly id: string; readonly isHash: boolean }
  | { readonly kind: 'unreadable'; readonly message: string }

/**
 * Reads the id of the registered document that a request asks for, in either of two forms: `documentId` (GraphQL over
 * HTTP, appendix A) and `extensions.persistedQuery.sha256Hash` (Apollo's clients). Pure.
 */
function readRequestedId(params: GraphQLParams): RequestedId {
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
  return id === undefined ? { kind: 'none' } : { kind: 'id', id, isHash: persistedQuery != null }
}

function unreadable(message: string): RequestedId {
  return { kind: 'unreadable', message }
}
