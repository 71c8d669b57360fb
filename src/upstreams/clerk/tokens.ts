/** `GET /users/{user_id}/oauth_access_tokens/{provider}`: every account of a user at a provider, page by page. */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import { secret } from '../../lib/secret.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import type { Call, One } from '../platform.ts'
import { checkProvider } from '../../tokens/ids.ts'
import { toUnixSeconds } from '../shapes.ts'
import type { OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { metadata, text } from '../shapes.ts'
import { clerkCode, clerkError, shapeError } from './errors.ts'
import { prefixed } from './provider-name.ts'

/** The documented maximum; the default of ten would hide accounts. */
const PAGE_SIZE = 500
/** 10,000 accounts of one user: more is a pager that never ends. */
const MAX_PAGES = 20

// The newer optional fields may be missing: 2025-03-12 knows no id_token, SDK mocks no provider_user_id.
const row = z
  .object({
    object: z.literal('oauth_access_token').optional(),
    external_account_id: z.string().min(1),
    provider_user_id: text,
    token: z.string().min(1),
    expires_at: z.int().nullish(),
    provider: z.string().min(1),
    public_metadata: metadata,
    label: text,
    scopes: z.array(z.string()).nullish(),
    token_secret: text,
    id_token: text,
  })
  .transform((item): OAuthAccessToken => ({
    external_account_id: item.external_account_id,
    provider_user_id: item.provider_user_id ?? '',
    token: secret(item.token),
    // Zero stands for "unknown" at other platforms, and no token expired in 1970.
    expires_at: item.expires_at ? toUnixSeconds(item.expires_at) : null,
    provider: prefixed(item.provider),
    public_metadata: item.public_metadata,
    label: item.label,
    scopes: item.scopes ?? null,
    token_secret: item.token_secret ? secret(item.token_secret) : null,
    id_token: item.id_token ? secret(item.id_token) : null,
  }))

const rows = z.array(row).max(PAGE_SIZE)
// The specification has the bare array alone; the SDKs read the envelope (clerk.md section 2).
const page = z.union([
  rows.transform((items) => ({ items, total_count: null })),
  z
    .object({ data: rows, total_count: z.int().min(0) })
    .transform(({ data, total_count }) => ({ items: data, total_count })),
])
type Page = z.output<typeof page>

/** The fetcher for tokens; `upstream` is the name that stands in errors. */
export function tokensFetcher(http: Http, upstream: string): One<TokenKey, readonly OAuthAccessToken[]> {
  async function ask(key: TokenKey, offset: number, call: Call): Promise<Page> {
    const answer = await http.request(
      {
        operation: 'clerk.oauth_access_tokens',
        keys: 1,
        template: '/users/{user_id}/oauth_access_tokens/{provider}',
        params: { user_id: key.user_id, provider: checkProvider(key.provider) },
        query: [
          ['paginated', 'true'],
          ['limit', String(PAGE_SIZE)],
          ['offset', String(offset)],
        ],
      },
      call,
    )
    return readPage(answer, upstream)
  }

  return {
    kind: 'one',
    async one(key, call) {
      const found: OAuthAccessToken[] = []
      const seen = new Set<string>()
      let offset = 0
      for (let pages = 0; pages < MAX_PAGES; pages++) {
        const { items, total_count } = await ask(key, offset, call)
        offset += items.length
        // An account that is connected between two pages moves the others by one, so that one of them comes twice.
        const fresh = items.filter(({ external_account_id }) => !seen.has(external_account_id))
        for (const { external_account_id } of fresh) seen.add(external_account_id)
        found.push(...fresh)
        if (total_count === null ? items.length < PAGE_SIZE : offset >= total_count) return found
        if (fresh.length === 0) break
      }
      // Never a list that silently ends early.
      throw new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream })
    },
  }
}

function readPage(answer: HttpAnswer, upstream: string): Page {
  if (answer.status < 300) {
    const parsed = page.safeParse(answer.json)
    if (!parsed.success) throw shapeError(answer, upstream)
    return parsed.data
  }
  if (clerkCode(answer) === 'external_account_not_found') return { items: [], total_count: 0 }
  throw clerkError(answer, upstream)
}
