/**
 * Users with their identities: one by `GET /api/v2/users/{id}`, which is strongly consistent, several by a search,
 * which lags behind by seconds (upstreams/auth0.md part A).
 */
import { CodedError } from '../../errors.ts'
import { checkId } from '../../tokens/ids.ts'
import { splitOnFailure } from '../kit.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { answerError } from '../http/errors.ts'
import type { Call } from '../platform.ts'
import { managementError } from './errors.ts'
import { parseUser, userFields, userIdOf, type Auth0User } from './shapes.ts'

/** Ids in one search, and characters of their list in the URL; Auth0 names no limit, servers have one. */
const MAX_IDS = 50
const MAX_QUERY_LENGTH = 6000

const fields = [
  ['fields', userFields],
  ['include_fields', 'true'],
] as const

/** By id: the user, or the error of that id alone. */
type FoundUsers = ReadonlyMap<string, Auth0User | Error>

export interface Users {
  /** Rejects with a CodedError; USER_NOT_FOUND where there is no such user. */
  read(user_id: string, call: Call): Promise<Auth0User>
  /** Every id is in the answer. */
  readAll(user_ids: ReadonlySet<string>, call: Call): Promise<FoundUsers>
}

/** `search`: several users with one call. */
export function openUsers(http: Http, upstream: string, { search }: { readonly search: boolean }): Users {
  async function read(user_id: string, call: Call): Promise<Auth0User> {
    const template = '/api/v2/users/{user_id}'
    const answer = await http.request(
      { operation: 'auth0.user', keys: 1, template, params: { user_id }, query: fields },
      call,
    )
    if (answer.status >= 300) throw managementError(answer, upstream)
    const user = parseUser(answer.json)
    if (user?.user_id !== user_id) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
    return user
  }

  async function find(user_ids: readonly string[], call: Call): Promise<FoundUsers> {
    const answer = await http.request(
      {
        operation: 'auth0.users',
        keys: user_ids.length,
        template: '/api/v2/users',
        query: [
          ['q', `user_id:(${user_ids.map(quote).join(' OR ')})`],
          ['search_engine', 'v3'],
          ['per_page', String(MAX_IDS)],
          ['page', '0'],
          ['primary_order', 'false'],
          ...fields,
        ],
      },
      call,
    )
    return readList(answer, user_ids, upstream)
  }

  async function ask(user_ids: readonly string[], call: Call): Promise<FoundUsers> {
    const [only] = user_ids
    return user_ids.length > 1 || only === undefined ? find(user_ids, call) : new Map([[only, await read(only, call)]])
  }

  return {
    read,
    async readAll(user_ids, call) {
      const refused = [...user_ids].flatMap(refuseId)
      const known = new Set(refused.map(([id]) => id))
      const ids = [...user_ids].filter((id) => !known.has(id))
      const parts = search ? chunk(ids) : ids.map((id) => [id])
      const found = await Promise.all(
        parts.map((part) => splitOnFailure(part, (some) => ask(some, call), isRefusedInput)),
      )
      return new Map([...refused, ...found.flatMap((part) => [...part])])
    },
  }
}

function readList(answer: HttpAnswer, user_ids: readonly string[], upstream: string): FoundUsers {
  if (answer.status >= 300) throw managementError(answer, upstream)
  const odd = answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
  if (!Array.isArray(answer.json)) throw odd
  const rows = answer.json as readonly unknown[]
  // A row without an id may be any of those that are missing.
  if (rows.some((row) => userIdOf(row) === null)) throw odd
  const found = new Map(rows.map((row) => [userIdOf(row), parseUser(row) ?? odd]))
  return new Map(user_ids.map((id) => [id, found.get(id) ?? new CodedError('USER_NOT_FOUND', undefined, { upstream })]))
}

function chunk(ids: readonly string[]): string[][] {
  const parts: string[][] = []
  let length = Infinity
  for (const id of ids) {
    const size = encodeURIComponent(`${quote(id)} OR `).length
    const part = parts.at(-1)
    if (part === undefined || part.length >= MAX_IDS || length + size > MAX_QUERY_LENGTH) {
      parts.push([id])
      length = size
    } else {
      part.push(id)
      length += size
    }
  }
  return parts
}

/** The characters of an id leave nothing to escape between quotation marks; `checkId` has seen to that. */
function quote(id: string): string {
  return `"${id}"`
}

function refuseId(id: string): [string, CodedError][] {
  try {
    checkId(id, 'user_id')
    return []
  } catch (error) {
    if (error instanceof CodedError) return [[id, error]]
    throw error
  }
}

/** One id that Auth0 does not accept must not fail the others of its search. */
function isRefusedInput(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'BAD_USER_INPUT'
}
