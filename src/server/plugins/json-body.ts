/**
 * Reads the body: one JSON object in UTF-8 with the members of GraphQL over HTTP. Lists of operations are refused,
 * because a limit for each operation would then be no limit for the request.
 */
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import { GraphQLError } from 'graphql'
import { refuse } from '../../http/error-response.ts'
import { tooLarge } from '../../http/policy.ts'

/** `hasDocuments`: the id of a registered document may stand in the place of the query. */
export function useJsonBody(body_bytes: number, hasDocuments: boolean): Plugin {
  return {
    onRequestParse({ setRequestParser }) {
      setRequestParser(async (request) => {
        try {
          return readBody(await request.arrayBuffer(), hasDocuments)
        } catch (error) {
          // Yoga ends a body that is longer than `maxRequestBodySize` while it is read, whatever its headers said.
          if (error instanceof GraphQLError) return refuse(tooLarge(body_bytes))
          throw error
        }
      })
    },
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const members = ['query', 'variables', 'operationName', 'extensions']
const membersWithId = ['documentId', ...members]

function readBody(bytes: ArrayBuffer, hasDocuments: boolean): GraphQLParams | Response {
  const body = parseJson(bytes)
  if (body === undefined) return badRequest('The body is not JSON in UTF-8.')
  if (Array.isArray(body)) return badRequest('Lists of operations are refused; send one operation in each request.')
  if (typeof body !== 'object' || body === null) return badRequest('The body must be a JSON object.')
  const allowed = hasDocuments ? membersWithId : members
  if (Object.entries(body).some(([name, value]) => value != null && !allowed.includes(name)))
    return badRequest(`The body may have the members ${listNames(allowed)} alone.`)
  const { query, operationName, variables, extensions } = body as Record<string, unknown>
  // Whether there is an id instead is for use-trusted-documents to see.
  if (typeof query !== 'string' && !(hasDocuments && query == null))
    return badRequest('The member query must be a string.')
  if (operationName != null && typeof operationName !== 'string')
    return badRequest('The member operationName must be a string.')
  if (!isObjectOrNone(variables)) return badRequest('The member variables must be an object.')
  if (!isObjectOrNone(extensions)) return badRequest('The member extensions must be an object.')
  return body
}

/** undefined: not JSON. Bytes that are not UTF-8 are not replaced by others: what was checked is what was sent. */
function parseJson(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    return undefined
  }
}

function isObjectOrNone(value: unknown): boolean {
  return value == null || (typeof value === 'object' && !Array.isArray(value))
}

function listNames(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
}

function badRequest(message: string): Response {
  return refuse({ status: 400, code: 'BAD_USER_INPUT', message })
}
