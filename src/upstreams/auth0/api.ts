/**
 * Users with their identities: one by `GET /api/v2/users/{id}`, which is strongly consistent, several by a search, which
 * lags behind by seconds (docs/platforms/auth0.md sections 2 and 3).
 */
import { z } from 'zod'
import {
  answerError,
  checkIds,
  CodedError,
  decorative,
  filledText,
  isUnreadable,
  metadata,
  opaqueId,
  optionalSecret,
  readAnswer,
  rows,
  splitOnFailure,
  time,
  toUnixSeconds,
  withoutSecrets,
} from '../kit.ts'
import type { Call, Http, HttpAnswer, JsonObject, Secret, UnreadableRow } from '../kit.ts'
import { managementError } from './tenant.ts'

/** Ids in one search, and characters of their list in the URL; Auth0 names no limit, servers have one. */
const MAX_IDS = 50
const MAX_QUERY_LENGTH = 6000

export interface Auth0Api {
  /** Rejects with USER_NOT_FOUND where there is no such user. */
  user(userId: string, call: Call): Promise<User>
  /** Every id is in the answer, with its user or the error of that id. */
  users(userIds: readonly string[], call: Call): Promise<ReadonlyMap<string, User | Error>>
}

/** `search`: whether several users are read with one call. */
export function openApi(http: Http, { search }: { readonly search: boolean }): Auth0Api {
  async function user(userId: string, call: Call): Promise<User> {
    const answer = await http.request(
      {
        operation: 'auth0.user',
        keys: 1,
        template: '/api/v2/users/{user_id}',
        params: { user_id: userId },
        user: userId,
        query: fields,
      },
      call,
    )
    const found = readAnswer(answer, { shape: userShape, toError: managementError })
    if (found.id !== userId) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer)
    return found
  }

  async function find(userIds: readonly string[], call: Call): Promise<ReadonlyMap<string, User | Error>> {
    const answer = await http.request(
      {
        operation: 'auth0.users',
        keys: userIds.length,
        template: '/api/v2/users',
        query: [
          ['q', `user_id:(${userIds.map(quote).join(' OR ')})`],
          ['search_engine', 'v3'],
          ['per_page', String(MAX_IDS)],
          ['page', '0'],
          ['primary_order', 'false'],
          ...fields,
        ],
      },
      call,
    )
    return readList(answer, userIds)
  }

  async function ask(userIds: readonly string[], call: Call): Promise<ReadonlyMap<string, User | Error>> {
    const [only] = userIds
    return userIds.length > 1 || only === undefined ? find(userIds, call) : new Map([[only, await user(only, call)]])
  }

  return {
    user,
    async users(userIds, call) {
      const { valid, refused } = checkIds(userIds)
      const parts = search ? chunk(valid) : valid.map((id) => [id])
      const found = await Promise.all(parts.map((part) => splitOnFailure(part, (some) => ask(some, call))))
      return new Map([...refused, ...found.flatMap((part) => [...part])])
    },
  }
}

function readList(answer: HttpAnswer, userIds: readonly string[]): ReadonlyMap<string, User | Error> {
  const users = readAnswer(answer, { shape: z.array(z.unknown()), toError: managementError })
  const malformed = answerError('UPSTREAM_PROTOCOL_ERROR', answer)
  const found = new Map<string | undefined, User | Error>(
    users.map((row) => [namedShape.safeParse(row).data?.user_id, userShape.safeParse(row).data ?? malformed]),
  )
  // A row without an id may be any of those that are missing.
  const missing = found.get(undefined) ?? new CodedError('USER_NOT_FOUND')
  return new Map(userIds.map((id) => [id, found.get(id) ?? missing]))
}

/** Parts of at most `MAX_IDS` ids and `MAX_QUERY_LENGTH` characters. */
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

/** A quoted string of the query syntax (Lucene): a backslash escapes itself and the quotation mark. */
function quote(id: string): string {
  return `"${id.replace(/["\\]/g, '\\$&')}"`
}

export interface User {
  readonly id: string
  readonly identities: readonly (Identity | UnreadableRow)[]
}

/** A login of the user through one connection. */
export interface Identity {
  readonly connection: string
  /** The user's id at the provider. */
  readonly subject: string
  /** Whether the strategy of the connection is OAuth: a password, a passwordless login and SAML hold no token. */
  readonly isOAuth: boolean
  readonly accessToken: Secret | null
  /** OAuth 1.0 only. */
  readonly tokenSecret: Secret | null
  /** Whole Unix seconds. */
  readonly expiresAt: number | null
  readonly email: string | null
  readonly username: string | null
  readonly firstName: string | null
  readonly lastName: string | null
  readonly imageUrl: string | null
  readonly profile: JsonObject
}

/** Strategies whose identities never hold an OAuth token: passwords, passwordless and SAML. */
const withoutTokens = new Set(['auth0', 'email', 'sms', 'samlp'])

// Refresh tokens are dropped here.
const identityFields = z.object({
  connection: z.string().min(1),
  /** The strategy: `google-oauth2`, `waad`, `auth0` for a password. */
  provider: filledText,
  user_id: opaqueId,
  // Both are absent without the scope read:user_idp_tokens.
  access_token: optionalSecret,
  access_token_secret: optionalSecret,
  // Seconds, at the time of the login: no type of an SDK has it, the example in the documentation does.
  expires_in: decorative(z.number().positive()),
  profileData: metadata.transform(withoutSecrets),
})

const ownFields = z.object({
  email: filledText,
  username: filledText,
  nickname: filledText,
  given_name: filledText,
  family_name: filledText,
  picture: filledText,
})
type OwnFields = z.output<typeof ownFields>

const userFields = ownFields.extend({
  user_id: z.string().min(1),
  // Always there: a user has at least one identity (docs/platforms/auth0.md section 2).
  identities: rows(identityFields, {
    provider: z.looseObject({ connection: z.string() }).transform((row) => row.connection),
  }),
  last_login: time,
})
const namedShape = z.object({ user_id: z.string().min(1) })

// The first identity is the one that the user's own fields are about; the others carry theirs in `profileData`.
const userShape = userFields.transform(({ user_id: id, identities, last_login: lastLogin, ...own }): User => ({
  id,
  identities: identities.map((identity, position) =>
    isUnreadable(identity)
      ? identity
      : {
          ...toIdentity(identity, position === 0 ? own : null),
          // The lifetime counts from the login, which is only known for the only identity of a user.
          expiresAt:
            identity.expires_in === null || lastLogin === null || identities.length > 1
              ? null
              : toUnixSeconds(lastLogin + identity.expires_in),
        },
  ),
}))

function toIdentity(identity: z.output<typeof identityFields>, own: OwnFields | null): Omit<Identity, 'expiresAt'> {
  const { connection, provider: strategy, user_id: subject, profileData: profile } = identity
  const fieldOf = (name: keyof OwnFields): string | null => textOf(profile, name) ?? own?.[name] ?? null
  return {
    connection,
    subject,
    isOAuth: strategy === null || !withoutTokens.has(strategy),
    accessToken: identity.access_token,
    tokenSecret: identity.access_token_secret,
    email: fieldOf('email'),
    username: fieldOf('username') ?? fieldOf('nickname'),
    firstName: fieldOf('given_name'),
    lastName: fieldOf('family_name'),
    imageUrl: fieldOf('picture'),
    profile,
  }
}

function textOf(profile: JsonObject, name: string): string | null {
  const value = Object.hasOwn(profile, name) ? profile[name] : undefined
  return typeof value === 'string' && value !== '' ? value : null
}

/** What both calls ask for: no more of a user than the graph shows. */
const fields = [
  ['fields', Object.keys(userFields.shape).join(',')],
  ['include_fields', 'true'],
] as const
