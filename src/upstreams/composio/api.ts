/** `GET /api/v3.1/connected_accounts?user_ids=…`: the accounts of many users with their tokens, page by page. */
import { z } from 'zod'
import {
  badUserInput,
  checkIds,
  decorative,
  decorativeSecret,
  filledText,
  listedScopes,
  optionalSecret,
  paginate,
  read,
  rowReader,
  splitOnFailure,
  statusError,
  time,
} from '../kit.ts'
import type { Call, Http, Reading, UnreadableRow } from '../kit.ts'

/** Users of one call: keeps a URL of the longest ids within what servers accept. */
const MAX_USERS = 50
const MAX_PAGES = 200
/** Accounts that were connected once; INITIALIZING, INITIATED and FAILED are connections that never came about. */
const DEAD = ['EXPIRED', 'INACTIVE', 'REVOKED']
const STATUSES = ['ACTIVE', ...DEAD]

// `val` also has the provider's own values and refresh tokens: only what is named here is read.
const values = z.object({
  access_token: optionalSecret,
  oauth_token: optionalSecret,
  oauth_token_secret: optionalSecret,
  id_token: decorativeSecret,
  scope: listedScopes,
})

const connectedAccount = z
  .object({
    id: z.string().min(1),
    status: filledText,
    alias: filledText,
    toolkit: z.object({ slug: z.string().min(1) }),
    is_disabled: decorative(z.boolean()),
    created_at: time,
    updated_at: time,
    state: z.object({ authScheme: filledText, val: values }).nullish(),
  })
  .transform((item) => ({
    id: item.id,
    label: item.alias,
    toolkit: item.toolkit.slug.toLowerCase(),
    isActive: !DEAD.includes(item.status ?? '') && item.is_disabled !== true,
    createdAt: item.created_at,
    updatedAt: item.updated_at,
    scheme: item.state?.authScheme ?? null,
    values: item.state?.val ?? null,
  }))

export type ConnectedAccount = z.output<typeof connectedAccount>

const readAccount = rowReader(connectedAccount, {
  provider: z
    .looseObject({ toolkit: z.looseObject({ slug: z.string() }) })
    .transform(({ toolkit }) => toolkit.slug.toLowerCase()),
})

/**
 * The list has to be there: required in the specification (docs/platforms/composio.md section 2). Items are parsed one by
 * one, because their owner is read first.
 */
const accountPage = z.object({ items: z.array(z.unknown()).max(1000), next_cursor: z.string().nullish() })

/** The owner of an item; null where it is missing or the item is malformed. `user_id` is deprecated in list items. */
const itemOwner = z
  .object({ user_id: filledText.catch(null) })
  .transform((item) => item.user_id)
  .catch(null)

const errorBody = z.object({ error: z.object({ slug: z.unknown(), request_id: z.unknown() }).partial() })

const pageReading: Reading<z.output<typeof accountPage>> = {
  shape: accountPage,
  toError(answer) {
    const error = errorBody.safeParse(answer.json).data?.error
    // No source has a list of its codes: none reaches a caller.
    return statusError(answer, { code: error?.slug, traceId: error?.request_id })
  },
}

/** By user id: the accounts, or the Error of this user. */
export type FoundAccounts = ReadonlyMap<string, readonly (ConnectedAccount | UnreadableRow)[] | Error>

/** The accounts of the users at these toolkits; `toolkits` null: at all of them. */
export type ListAccounts = (
  userIds: readonly string[],
  toolkits: readonly string[] | null,
  call: Call,
) => Promise<FoundAccounts>

function hasComma(id: string): boolean {
  return id.includes(',')
}

/** `pageSize`: how many accounts come in one page. */
export function accountLister(http: Http, pageSize: number): ListAccounts {
  /** The items of all pages. */
  function listItems(userIds: readonly string[], toolkits: readonly string[] | null, call: Call) {
    return paginate<unknown, string | null>(
      null,
      async (cursor) => {
        const spec = {
          operation: toolkits === null ? 'composio.accounts' : 'composio.tokens',
          keys: userIds.length,
          template: '/api/v3.1/connected_accounts',
          user: userIds.length === 1 ? (userIds[0] ?? null) : null,
          // Lists are joined by commas, as the official client does; no value has one.
          query: [
            ['user_ids', userIds.join(',')],
            ...(toolkits === null ? [] : [['toolkit_slugs', toolkits.join(',')] as const]),
            ['statuses', STATUSES.join(',')],
            ['limit', String(pageSize)],
            ...(cursor === null ? [] : [['cursor', cursor] as const]),
          ],
        } as const
        const page = await read(http, spec, pageReading, call)
        return { rows: page.items, next: page.next_cursor === '' ? null : (page.next_cursor ?? null) }
      },
      { maxPages: MAX_PAGES },
    )
  }

  /** Where items do not name their owner, each user is asked for separately: an account must not go to another user. */
  async function listTogether(
    userIds: readonly string[],
    toolkits: readonly string[] | null,
    call: Call,
  ): Promise<FoundAccounts> {
    const items = await listItems(userIds, toolkits, call)
    const owners = items.map((item) => itemOwner.parse(item))
    if (userIds.length > 1 && owners.includes(null)) {
      const parts = userIds.map((userId) => splitOnFailure([userId], (one) => listTogether(one, toolkits, call)))
      return new Map((await Promise.all(parts)).flatMap((part) => [...part]))
    }
    const byUser = Map.groupBy(items, (_, position) => owners[position] ?? userIds[0])
    return new Map(userIds.map((userId) => [userId, (byUser.get(userId) ?? []).map(readAccount)]))
  }

  return async (userIds, toolkits, call) => {
    const { valid: ids, refused } = checkIds(userIds)
    const found = new Map<string, readonly (ConnectedAccount | UnreadableRow)[] | Error>(refused)
    // Ids go into a list between commas: one with a comma would be two.
    const valid = ids.filter((id) => !hasComma(id))
    for (const id of ids.filter(hasComma))
      found.set(id, badUserInput('user_id: the platform cannot be asked for an id with a comma.'))
    const parts = Array.from({ length: Math.ceil(valid.length / MAX_USERS) }, (_, n) =>
      splitOnFailure(valid.slice(n * MAX_USERS, (n + 1) * MAX_USERS), (part) => listTogether(part, toolkits, call)),
    )
    for (const part of await Promise.all(parts)) for (const [userId, value] of part) found.set(userId, value)
    return found
  }
}
