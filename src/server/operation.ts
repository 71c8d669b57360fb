/**
 * Reads the operation out of a request body: one JSON object in UTF-8 with the members of GraphQL over HTTP. Lists of
 * operations are refused, because a limit for each operation would then not limit the request.
 */
import type { GraphQLParams } from 'graphql-yoga'
import { RefusedError } from '../http/error-response.ts'
import { parseJson } from '../lib/json.ts'

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
  // The plugin for trusted documents refuses a body with neither a query nor an id.
  if (typeof query !== 'string' && !(hasDocuments && query == null))
    throw badRequest('The member query must be a string.')
  if (operationName != null && typeof operationName !== 'string')
    throw badRequest('The member operationName must be a string.')
  if (!isObjectOrNone(variables)) throw badRequest('The member variables must be an object.')
  if (!isObjectOrNone(extensions)) throw badRequest('The member extensions must be an object.')
  return body
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
