/** Two reads of the Clerk Backend API, their shapes and their error table (docs/platforms/clerk.md sections 2, 3 and 5). */
import { z } from 'zod'
import {
  answerError,
  asTraceId,
  decorative,
  decorativeId,
  decorativeSecret,
  expiry,
  listedScopes,
  metadata,
  optionalSecret,
  read,
  readAnswer,
  requiredSecret,
  rows,
  settleOrError,
  statusError,
  text,
  time,
} from '../kit.ts'
import type { AnswerFacts, Call, CodedError, ErrorCode, Http, HttpAnswer } from '../kit.ts'

/** The documented maximum; the default of ten would hide accounts. */
const PAGE_SIZE = 500
/** The documented maximum of ids; also sent as `limit`, whose default of ten would drop the rest. */
export const MAX_USERS = 100

export interface ClerkApi {
  /** One page of the tokens of a user at a provider; `provider` is Clerk's name, `oauth_google`. */
  tokens(userId: string, provider: string, offset: number, call: Call): Promise<TokenPage>
  /** By user id, in whatever order Clerk answers. Unknown users are absent; a malformed user is an error of its own. */
  users(ids: readonly string[], call: Call): Promise<AccountsByUser>
  /** The accounts of a page of all users, the oldest first. */
  page(offset: number, call: Call): Promise<{ readonly accounts: AccountsByUser; readonly isLast: boolean }>
}

type AccountsByUser = ReadonlyMap<string, readonly AccountRow[] | CodedError>

export function openApi(http: Http): ClerkApi {
  return {
    tokens: (userId, provider, offset, call) =>
      read(
        http,
        {
          operation: 'clerk.oauth_access_tokens',
          keys: 1,
          template: '/users/{user_id}/oauth_access_tokens/{provider}',
          params: { user_id: userId, provider },
          // Clerk refreshes at the provider before it answers (docs/platforms/clerk.md section 4).
          scope: provider,
          user: userId,
          query: [
            ['paginated', 'true'],
            ['limit', String(PAGE_SIZE)],
            ['offset', String(offset)],
          ],
        },
        {
          shape: tokenPage,
          toError,
          traceOf,
          isOfProvider: (answer) => firstCode(answer) === REFRESH_FAILED,
          valueIn: (answer) => (isNotConnected(answer) ? noTokens : undefined),
        },
        call,
      ),
    async page(offset, call) {
      const query = [
        ['limit', String(MAX_USERS)],
        ['offset', String(offset)],
        ['order_by', '+created_at'],
      ] as const
      const answer = await http.request({ operation: 'clerk.users', keys: 1, template: '/users', query }, call)
      const users = readAnswer(answer, { shape: z.array(z.unknown()), toError, traceOf })
      const ids = users.flatMap((user) => userId.safeParse(user).data?.id ?? [])
      const accounts = byUser(users, ids, answerError('UPSTREAM_PROTOCOL_ERROR', answer, { traceId: traceOf(answer) }))
      return { accounts, isLast: users.length < MAX_USERS }
    },
    async users(ids, call) {
      const query = [...ids.map((id) => ['user_id', id] as const), ['limit', String(MAX_USERS)] as const]
      const answer = await http.request({ operation: 'clerk.users', keys: ids.length, template: '/users', query }, call)
      const users = readAnswer(answer, { shape: z.array(z.unknown()), toError, traceOf })
      return byUser(users, ids, answerError('UPSTREAM_PROTOCOL_ERROR', answer, { traceId: traceOf(answer) }))
    },
  }
}

// Optional fields may be missing: API version 2025-03-12 has no id_token, the mocks of the SDKs no provider_user_id.
const tokenRow = z.object({
  object: z.literal('oauth_access_token').optional(),
  external_account_id: z.string().min(1),
  provider_user_id: decorativeId,
  token: requiredSecret,
  expires_at: expiry,
  provider: z.string().min(1),
  public_metadata: metadata,
  label: text,
  scopes: listedScopes,
  token_secret: optionalSecret,
  id_token: decorativeSecret,
})
export type TokenRow = z.output<typeof tokenRow>

// Always there: the specification has only the bare array, the SDKs read the envelope (docs/platforms/clerk.md section 2).
const tokenRows = rows(tokenRow, { max: PAGE_SIZE })
const tokenPage = z.union([
  tokenRows.transform((found) => ({ rows: found, isLast: (_: number) => found.length < PAGE_SIZE })),
  z
    .object({ data: tokenRows, total_count: z.int().min(0) })
    .transform(({ data, total_count: total }) => ({ rows: data, isLast: (read: number) => read >= total })),
])
/** `isLast` tells from the number of rows read so far, this page included. */
export type TokenPage = z.output<typeof tokenPage>
const noTokens: TokenPage = { rows: [], isLast: () => true }

// These two objects leave `provider` out of real payloads.
const providerOfObject: ReadonlyMap<string | null, string> = new Map([
  ['google_account', 'oauth_google'],
  ['facebook_account', 'oauth_facebook'],
])

const accountRow = z
  .object({
    object: text,
    id: z.string().min(1),
    external_account_id: z.string().nullish(),
    provider: z.string().nullish(),
    provider_user_id: decorativeId,
    google_id: decorativeId,
    facebook_id: decorativeId,
    approved_scopes: listedScopes,
    email_address: text,
    username: text,
    first_name: text,
    given_name: text,
    last_name: text,
    family_name: text,
    image_url: text,
    picture: text,
    label: text,
    public_metadata: metadata,
    created_at: time,
    updated_at: time,
    verification: z.object({ status: text }).nullish().catch(null),
  })
  .transform((row, context) => {
    const named = row.provider === '' ? null : row.provider
    const provider = named ?? providerOfObject.get(row.object) ?? row.provider
    if (provider == null) context.addIssue('an account without a provider')
    // A flow that was abandoned or failed leaves its row behind: `unverified`, `failed`, `expired`, `transferable`.
    const status = row.verification?.status ?? null
    return { ...row, provider: provider ?? '', isConnection: status === null || status === 'verified' }
  })
export type AccountRow = z.output<typeof accountRow>

const userId = z.object({ id: z.string() })
// Required in the specification of `User`.
const userAccounts = z.object({ external_accounts: rows(accountRow) })

function byUser(users: readonly unknown[], ids: readonly string[], malformed: CodedError) {
  const asked = new Set(ids)
  const found = new Map<string, readonly AccountRow[] | CodedError>()
  let nameless = false
  for (const row of users) {
    const id = userId.safeParse(row).data?.id
    nameless ||= id === undefined
    if (id === undefined || !asked.has(id)) continue
    found.set(id, accountsOf(row, malformed))
  }
  // A row without an id may be any of the missing users, so none of them is known to be unknown.
  if (nameless) for (const id of asked) if (!found.has(id)) found.set(id, malformed)
  return found
}

/** An account that cannot be read is left out where others can; where none can, the user is malformed. */
function accountsOf(user: unknown, malformed: CodedError): readonly AccountRow[] | CodedError {
  const accounts = userAccounts.safeParse(user).data?.external_accounts
  const settled = accounts && settleOrError(accounts, (row: AccountRow) => row)
  return settled === undefined || settled instanceof Error ? malformed : settled
}

/** What is refused is the request, unless the parameter is what the caller gave. */
const formCodes = new Set([
  'form_data_missing',
  'form_param_format_invalid',
  'form_param_missing',
  'form_param_nil',
  'form_param_unknown',
  'form_param_value_invalid',
  'form_param_value_too_large',
])
const parametersOfCaller = new Set(['user_id', 'provider'])

const documented: ReadonlyMap<string, ErrorCode> = new Map([
  ['clerk_key_invalid', 'UPSTREAM_REJECTED'],
  ['authentication_invalid', 'UPSTREAM_REJECTED'],
  ['api_version_invalid', 'UPSTREAM_REJECTED'],
  ['resource_not_found', 'USER_NOT_FOUND'],
  ['oauth_token_provider_not_enabled', 'PROVIDER_NOT_CONFIGURED'],
  ['oauth_unsupported_provider', 'PROVIDER_NOT_CONFIGURED'],
  ['oauth_missing_refresh_token', 'REAUTHORIZATION_REQUIRED'],
  ['external_account_missing_refresh_token', 'REAUTHORIZATION_REQUIRED'],
  ['oauth_missing_access_token', 'REAUTHORIZATION_REQUIRED'],
  ['too_many_requests', 'UPSTREAM_RATE_LIMITED'],
  ['internal_clerk_error', 'UPSTREAM_UNAVAILABLE'],
])

const codes = new Set([...documented.keys(), ...formCodes, 'oauth_token_retrieval_error', 'external_account_not_found'])

const meta = decorative(z.object({ provider_error: text, param_name: text }))
const errorBody = z.object({
  errors: z.array(z.object({ code: z.string(), meta })).min(1),
  meta,
  clerk_trace_id: z.unknown().optional(),
})

/** The provider refused a refresh, or failed: its words tell which (docs/platforms/clerk.md section 5). */
const REFRESH_FAILED = 'oauth_token_retrieval_error'

function firstCode(answer: HttpAnswer): string | undefined {
  return errorBody.safeParse(answer.json).data?.errors[0]?.code
}

function isNotConnected(answer: HttpAnswer): boolean {
  return firstCode(answer) === 'external_account_not_found'
}

/** The error that an answer stands for: by Clerk's code whatever the status, else by the status. */
function toError(answer: HttpAnswer): CodedError {
  const body = errorBody.safeParse(answer.json).data
  const first = body?.errors[0]
  const facts = { code: first?.code, codes, traceId: asTraceId(body?.clerk_trace_id) ?? traceOf(answer) }
  if (first === undefined) return statusError(answer, facts)
  if (first.code === REFRESH_FAILED)
    return answerError(refreshFailure(first.meta?.provider_error ?? body?.meta?.provider_error ?? ''), answer, facts)
  if (first.code.startsWith('form_')) return formError(first.meta?.param_name ?? '', answer, facts)
  const code = documented.get(first.code)
  return code === undefined ? statusError(answer, facts) : answerError(code, answer, facts)
}

function formError(parameter: string, answer: HttpAnswer, facts: AnswerFacts): CodedError {
  if (!parametersOfCaller.has(parameter)) return answerError('UPSTREAM_REJECTED', answer, facts)
  return answerError('BAD_USER_INPUT', answer, facts, 'The platform does not accept the user id or the provider.')
}

function traceOf(answer: HttpAnswer): string | undefined {
  return answer.header('cf-ray')
}

/**
 * Clerk uses one code for a dead grant and for an outage of the provider: only the provider's own words tell them
 * apart (Clerk's SDKs drop them). Without words the grant counts as dead.
 */
function refreshFailure(providerError: string): ErrorCode {
  if (providerError === '' || /invalid_grant/i.test(providerError)) return 'REAUTHORIZATION_REQUIRED'
  if (/server_error|temporarily_unavailable|\brate/i.test(providerError)) return 'UPSTREAM_UNAVAILABLE'
  return /expired|revoked/i.test(providerError) ? 'REAUTHORIZATION_REQUIRED' : 'UPSTREAM_UNAVAILABLE'
}
