/** `GET /api/v2/users/{id}/connected-accounts`: what a user put into Token Vault, without tokens, page by page. */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import type { ExternalAccount } from '../../tokens/types.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { answerError } from '../http/errors.ts'
import type { Call, One } from '../platform.ts'
import { isoSeconds } from '../shapes.ts'
import { managementError } from './errors.ts'
import { accountId } from './exchange.ts'

const PAGE_SIZE = 50
/** A user with more accounts is a cursor that never ends. */
const MAX_PAGES = 20

const connectedAccount = z.object({
  id: z.string().min(1),
  connection: z.string().min(1),
  scopes: z.array(z.string()).nullish(),
  created_at: isoSeconds,
})
const pageBody = z.object({
  connected_accounts: z.array(connectedAccount).max(1000),
  next: z.string().min(1).nullish(),
})

type ConnectedAccount = z.output<typeof connectedAccount>

/** The fetcher for accounts; null for a user that Auth0 does not know. */
export function accountsFetcher(http: Http, upstream: string): One<string, readonly ExternalAccount[]> {
  async function ask(user_id: string, from: string | null, call: Call) {
    const answer = await http.request(
      {
        operation: 'auth0.connected_accounts',
        keys: 1,
        template: '/api/v2/users/{user_id}/connected-accounts',
        params: { user_id },
        query: [['take', String(PAGE_SIZE)], ...(from === null ? [] : ([['from', from]] as const))],
      },
      call,
    )
    return readPage(answer, upstream)
  }

  async function list(user_id: string, call: Call): Promise<readonly ConnectedAccount[]> {
    const found: ConnectedAccount[] = []
    let from: string | null = null
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const { connected_accounts, next = null }: z.output<typeof pageBody> = await ask(user_id, from, call)
      found.push(...connected_accounts)
      if (next === null || next === from) return found
      from = next
    }
    // Never a list that silently ends early.
    throw new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream })
  }

  return {
    kind: 'one',
    async one(user_id, call) {
      try {
        const accounts = await list(user_id, call)
        return accounts.map((account, position) => {
          const isFirst = accounts.findIndex(({ connection }) => connection === account.connection) === position
          return toAccount(account, isFirst ? accountId(account.connection, user_id) : account.id)
        })
      } catch (error) {
        if (error instanceof CodedError && error.code === 'USER_NOT_FOUND') return null
        throw error
      }
    },
  }
}

function readPage(answer: HttpAnswer, upstream: string) {
  if (answer.status >= 300) throw managementError(answer, upstream)
  const parsed = pageBody.safeParse(answer.json)
  if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
  return parsed.data
}

/** The first account of a connection has the id that its token has, because the exchange names no account. */
function toAccount({ id, connection, scopes, created_at }: ConnectedAccount, account_id: string): ExternalAccount {
  return {
    id: account_id,
    provider: connection,
    provider_user_id: '',
    email_address: null,
    username: null,
    first_name: null,
    last_name: null,
    image_url: null,
    label: null,
    approved_scopes: scopes ?? null,
    public_metadata: { connected_account_id: id },
    created_at,
    updated_at: null,
  }
}
