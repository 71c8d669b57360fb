/**
 * Reads the operation out of a request body: one JSON object in UTF-8 with the members of GraphQL over HTTP. Lists of
 * operations are refused, because a limit for each operation would then not limit the request.
 */
import type { GraphQLParams } from 'graphql-yoga'
import { errorCodes } from '../errors.ts'
import { RefusedError } from '../http/error-response.ts'
import type { Refusal } from '../http/error-response.ts'
import { parseJson } from '../lib/json.ts'
import { shorten } from '../lib/text.ts'

const members = ['query', 'variables', 'operationName', 'extensions']
const membersWithId = ['documentId', ...members]

/** With `hasDocuments` the id of a registered document may take the place of the query. Throws `RefusedError`. */
export function readOperation(bytes: Uint8Array, hasDocuments: boolean): GraphQLParams {
  const body = parseJson(bytes)
  if (body === undefined) throw badRequest('The body is not JSON in UTF-8.')
  if (Array.isArray(body)) throw badRequest('Lists of operations are refused; send one operation in each request.')
  if (typeof body !== 'object' || body === null) throw badRequest('The body must be a JSON object.')
  const allowed = hasDocuments ? membersWithId : members
  if (Object.entries(body).some(([name, value]) => value != null && !allowed.includes(name)))
    throw badRequest(`The body may have the members ${listNames(allowed)} alone.`)
  const { query, operationName, variables, extensions } = body as Record<string, unknown>
  if (!hasDocuments && query == null && asksForHash(extensions)) throw new RefusedError(hashesNotSupported)
  // The plugin for trusted documents refuses a body with neither a query nor an id.
  if (typeof query !== 'string' && !(hasDocuments && query == null))
    throw badRequest('The member query must be a string.')
  if (operationName != null && typeof operationName !== 'string')
    throw badRequest('The member operationName must be a string.')
  if (!isObjectOrNone(variables)) throw badRequest('The member variables must be an object.')
  if (!isObjectOrNone(extensions)) throw badRequest('The member extensions must be an object.')
  const path = findInexactNumber(variables)
  if (path !== null)
    throw badRequest(
      `The number in ${shorten(path, MAX_PATH_LENGTH)} is larger than JSON can hold exactly; send it as a string.`,
    )
  // Clients that always write the member leave it empty.
  return operationName === '' ? withoutOperationName(body) : body
}

/** Characters. */
const MAX_PATH_LENGTH = 200

function withoutOperationName({ operationName: _, ...rest }: GraphQLParams): GraphQLParams {
  return rest
}

/** Apollo's clients send the hash of an operation first, and its text after this answer. */
export const hashesNotSupported = {
  // Not every client reads an answer with another status; Apollo Server answers so as well.
  status: 200,
  code: 'PERSISTED_QUERY_NOT_SUPPORTED',
  message: errorCodes.PERSISTED_QUERY_NOT_SUPPORTED.message,
} as const satisfies Refusal

function asksForHash(extensions: unknown): boolean {
  return typeof extensions === 'object' && extensions !== null && Object.hasOwn(extensions, 'persistedQuery')
}

/**
 * Returns the path of the first number that JavaScript may have rounded when it parsed it (beyond 2^53 - 1), or null. An
 * id that is sent as such a number is another user's id once it is rounded (graphql/graphql-js#3913). Goes level by
 * level instead of recursing, so that a deeply nested value cannot exhaust the stack.
 */
function findInexactNumber(variables: unknown): string | null {
  let level: (readonly [string, unknown])[] = [['variables', variables]]
  while (level.length > 0) {
    const next: (readonly [string, unknown])[] = []
    for (const [path, value] of level) {
      if (typeof value === 'number' && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) return path
      if (value === null || typeof value !== 'object') continue
      const isList = Array.isArray(value)
      for (const [key, child] of Object.entries(value)) {
        if (typeof child === 'number' || (typeof child === 'object' && child !== null))
          next.push([isList ? `${path}[${key}]` : `${path}.${nameText(key)}`, child])
      }
    }
    level = next
  }
  return null
}

/** Shows a name only if it looks like one: a secret may have been sent in its place. */
function nameText(name: string): string {
  return /^\w{1,40}$/.test(name) ? name : '…'
}

function isObjectOrNone(value: unknown): boolean {
  return value == null || (typeof value === 'object' && !Array.isArray(value))
}

function listNames(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
}

function badRequest(message: string): RefusedError {
  return new RefusedError({ status: 400, code: 'BAD_USER_INPUT', message })
}
