/** `GET /api/v3.1/connected_accounts?user_ids=…`: the accounts of many users, page by page, tokens included. */
import { CodedError } from '../../errors.ts'
import { checkId } from '../../tokens/ids.ts'
import { splitOnFailure } from '../kit.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'
import type { Call } from '../platform.ts'
import { accountPage, connectedAccount, errorBody, itemOwner, type ConnectedAccount } from './shapes.ts'

/** Keeps a URL of the longest ids within what servers accept. */
const MAX_USERS = 50
const MAX_PAGES = 200
/** Those who ever finished connecting: the others (INITIALIZING, INITIATED, FAILED) never were connected. */
const STATUSES = ['ACTIVE', 'EXPIRED', 'INACTIVE', 'REVOKED']

export interface ConnectionsOptions {
  readonly http: Http
  readonly upstream: string
  /** How many accounts come in one page. */
  readonly page_size: number
}

/** For each user their accounts, or the Error of this user alone. */
type Found = ReadonlyMap<string, readonly ConnectedAccount[] | Error>

/** `toolkits`: of these alone; null: of all. */
export type ReadConnections = (
  user_ids: readonly string[],
  toolkits: readonly string[] | null,
  call: Call,
) => Promise<Found>

export function openConnections({ http, upstream, page_size }: ConnectionsOptions): ReadConnections {
  async function readPage(
    users: readonly string[],
    toolkits: readonly string[] | null,
    cursor: string | null,
    call: Call,
  ) {
    const answer = await http.request(
      {
        operation: toolkits === null ? 'composio.accounts' : 'composio.tokens',
        keys: users.length,
        template: '/api/v3.1/connected_accounts',
        // Lists are joined by commas, as the official client does; none of the values can have one.
        query: [
          ['user_ids', users.join(',')],
          ...(toolkits === null ? [] : [['toolkit_slugs', toolkits.join(',')] as const]),
          ['statuses', STATUSES.join(',')],
          ['limit', String(page_size)],
          ...(cursor === null ? [] : [['cursor', cursor] as const]),
        ],
      },
      call,
    )
    if (answer.status >= 300) throw composioError(answer, upstream)
    const parsed = accountPage.safeParse(answer.json)
    if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
    return parsed.data
  }

  async function readItems(users: readonly string[], toolkits: readonly string[] | null, call: Call) {
    const items: unknown[] = []
    const seen = new Set<string | null>()
    for (let cursor: string | null = null; !seen.has(cursor) && seen.size < MAX_PAGES;) {
      seen.add(cursor)
      const page = await readPage(users, toolkits, cursor, call)
      items.push(...page.items)
      if (page.next_cursor === null) return items
      cursor = page.next_cursor
    }
    // Never a list that silently ends early.
    throw new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream })
  }

  /** Composio will stop to say whose an account is: each user is then asked for alone, where it can only be theirs. */
  async function readUsers(users: readonly string[], toolkits: readonly string[] | null, call: Call): Promise<Found> {
    const items = await readItems(users, toolkits, call)
    const owners = items.map((item) => itemOwner.safeParse(item).data?.user_id ?? null)
    if (users.length > 1 && owners.includes(null)) {
      const alone = users.map((user) => splitOnFailure([user], (one) => readUsers(one, toolkits, call), isDivisible))
      return new Map((await Promise.all(alone)).flatMap((part) => [...part]))
    }
    const byUser = Map.groupBy(items, (_, position) => owners[position] ?? users[0])
    return new Map(users.map((user) => [user, readAccounts(byUser.get(user) ?? [], upstream)]))
  }

  return async (user_ids, toolkits, call) => {
    const found = new Map<string, readonly ConnectedAccount[] | Error>()
    const users = [...new Set(user_ids)].filter((user_id) => {
      const problem = idProblem(user_id)
      if (problem !== null) found.set(user_id, problem)
      return problem === null
    })
    const parts = Array.from({ length: Math.ceil(users.length / MAX_USERS) }, (_, n) =>
      splitOnFailure(
        users.slice(n * MAX_USERS, (n + 1) * MAX_USERS),
        (part) => readUsers(part, toolkits, call),
        isDivisible,
      ),
    )
    for (const part of await Promise.all(parts)) for (const [user_id, value] of part) found.set(user_id, value)
    return found
  }
}

function readAccounts(items: readonly unknown[], upstream: string): readonly ConnectedAccount[] | CodedError {
  const parsed = connectedAccount.array().safeParse(items)
  return parsed.success ? parsed.data : new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream })
}

function composioError(answer: HttpAnswer, upstream: string): CodedError {
  const error = errorBody.safeParse(answer.json).data?.error
  return statusError(answer, { upstream, code: error?.slug, trace_id: error?.request_id })
}

/** Whether fewer users may succeed: a malformed id fails the batch, and a URL or a page may be too long. */
function isDivisible(error: unknown): boolean {
  if (!(error instanceof CodedError)) return false
  const cause = error.cause instanceof Error ? error.cause.message : ''
  return (
    [400, 413, 414, 431].includes(error.extensions.upstream_status ?? 0) || cause === 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
  )
}

function idProblem(user_id: string): CodedError | null {
  try {
    checkId(user_id, 'user_id')
    return null
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}
