/** `GET /users?user_id=…`: the connected accounts of up to 100 users in one call (upstreams/clerk.md section 3). */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import { checkId } from '../../tokens/ids.ts'
import { toUnixSeconds } from '../shapes.ts'
import type { ExternalAccount } from '../../tokens/types.ts'
import { splitOnFailure } from '../kit.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { isTooLarge } from '../http/errors.ts'
import type { Call, Many } from '../platform.ts'
import { metadata, text } from '../shapes.ts'
import { clerkError, shapeError } from './errors.ts'
import { prefixed } from './provider-name.ts'

/** The documented maximum of ids; also the `limit`, whose default of ten would drop the rest. */
const MAX_USERS = 100

// These two leave `provider` out of real payloads.
const providerOfObject: ReadonlyMap<string | null, string> = new Map([
  ['google_account', 'oauth_google'],
  ['facebook_account', 'oauth_facebook'],
])

const milliseconds = z
  .int()
  .nullish()
  .transform((value) => (value ? toUnixSeconds(value) : null))

const account = z
  .object({
    object: text,
    id: z.string().min(1),
    external_account_id: text,
    provider: text,
    provider_user_id: text,
    google_id: text,
    facebook_id: text,
    approved_scopes: text,
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
    created_at: milliseconds,
    updated_at: milliseconds,
  })
  .transform((item, context): ExternalAccount => {
    const provider = firstOf(item.provider, providerOfObject.get(item.object))
    if (provider === null) context.addIssue('an account without a provider')
    return {
      // The `id` of a google or facebook account is its `idn_…` identification; tokens carry the `eac_…` id.
      id: firstOf(item.external_account_id, item.id) ?? item.id,
      provider: prefixed(provider ?? ''),
      provider_user_id: firstOf(item.provider_user_id, item.google_id, item.facebook_id) ?? '',
      email_address: item.email_address,
      username: item.username,
      first_name: firstOf(item.first_name, item.given_name),
      last_name: firstOf(item.last_name, item.family_name),
      image_url: firstOf(item.image_url, item.picture),
      label: item.label,
      approved_scopes: item.approved_scopes?.split(/\s+/).filter((scope) => scope !== '') ?? null,
      public_metadata: item.public_metadata,
      created_at: item.created_at,
      updated_at: item.updated_at,
    }
  })

const users = z.array(z.unknown())
const userId = z.object({ id: z.string() })
const userAccounts = z.object({ external_accounts: z.array(account).max(1000) })

/** The fetcher for accounts, by user id; a user that Clerk does not know is absent from the Map. */
export function accountsFetcher(http: Http, upstream: string): Many<string, readonly ExternalAccount[]> {
  async function ask(ids: readonly string[], call: Call): Promise<HttpAnswer> {
    const query = [...ids.map((id) => ['user_id', id] as const), ['limit', String(MAX_USERS)] as const]
    return http.request({ operation: 'clerk.users', keys: ids.length, template: '/users', query }, call)
  }

  return {
    kind: 'many',
    max: MAX_USERS,
    id: (user_id) => user_id,
    async many(keys, call) {
      const found = new Map<string, readonly ExternalAccount[] | Error>()
      const ids = new Set<string>()
      for (const key of keys) {
        const problem = idProblem(key)
        if (problem !== null) found.set(key, problem)
        // A leading sign would include or exclude users instead of naming one; no id of Clerk starts with one.
        else if (!/^[+-]/.test(key)) ids.add(key)
      }
      if (ids.size === 0) return found
      const read = async (part: readonly string[]) => readUsers(await ask(part, call), new Set(part), upstream)
      for (const [id, value] of await splitOnFailure([...ids], read, isFaultOfBatch)) found.set(id, value)
      return found
    },
  }
}

/** What the answer says of the users that were asked for, in whatever order it came; one bad user fails alone. */
function readUsers(answer: HttpAnswer, asked: ReadonlySet<string>, upstream: string) {
  if (answer.status >= 300) throw clerkError(answer, upstream)
  const parsed = users.safeParse(answer.json)
  if (!parsed.success) throw shapeError(answer, upstream)
  const found = new Map<string, readonly ExternalAccount[] | Error>()
  let nameless = false
  for (const user of parsed.data) {
    const id = userId.safeParse(user).data?.id
    nameless ||= id === undefined
    if (id === undefined || !asked.has(id)) continue
    found.set(id, userAccounts.safeParse(user).data?.external_accounts ?? shapeError(answer, upstream))
  }
  // A row without an id may be any of those that are missing: to call them unknown would be a guess.
  if (nameless) for (const id of asked) if (!found.has(id)) found.set(id, shapeError(answer, upstream))
  return found
}

/** A hundred users with large metadata exceed the limit of a body; one id that Clerk dislikes fails those beside it. */
function isFaultOfBatch(error: unknown): boolean {
  if (!(error instanceof CodedError)) return false
  const { upstream_status } = error.extensions
  return isTooLarge(error) || upstream_status === 400 || upstream_status === 414 || upstream_status === 422
}

function idProblem(id: string): CodedError | null {
  try {
    checkId(id, 'user_id')
    return null
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}

/** The first that says something: Clerk sends empty strings where it knows nothing. */
function firstOf(...values: (string | null | undefined)[]): string | null {
  return values.find((value) => value !== null && value !== undefined && value !== '') ?? values[0] ?? null
}
