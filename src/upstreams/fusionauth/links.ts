/** `GET /api/identity-provider/link?userId=…`: all links of a user in one call. */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import type { JsonObject } from '../../lib/json.ts'
import { secret } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import type { Call } from '../platform.ts'
import { toUnixSeconds } from '../shapes.ts'
import { checkUuid, jwtExpiry, withoutSecrets } from '../kit.ts'
import { filledText, metadata } from '../shapes.ts'
import { fusionauthError, shapeError } from './errors.ts'
import type { IdentityProviders } from './identity-providers.ts'

/** What is known of the token of a link; what may not be given away is dropped while it is read. */
export type LinkToken =
  | {
      readonly kind: 'access_token'
      readonly token: Secret | null
      /** Whole Unix seconds; known for tokens that are JWTs alone. */
      readonly expires_at: number | null
    }
  | { readonly kind: 'other' }

export interface Link {
  /** `identityProviderId:identityProviderUserId`. */
  readonly id: string
  readonly identity_provider_id: string
  /** The name that the configuration, or else FusionAuth, has for the provider. */
  readonly provider: string
  readonly provider_user_id: string
  readonly label: string | null
  readonly data: JsonObject
  readonly token: LinkToken
  /** Whole Unix seconds. */
  readonly created_at: number | null
  /** Whole Unix seconds. */
  readonly updated_at: number | null
}

const lowerCase = z.string().transform((value) => value.toLowerCase())
// Instants are milliseconds.
const instant = z
  .int()
  .nullish()
  .transform((value) => (value ? toUnixSeconds(value) : null))

const linkRow = z.object({
  identityProviderId: lowerCase.pipe(z.string().min(1)),
  // Since 1.46.
  identityProviderType: lowerCase.nullish().transform((type) => type ?? null),
  identityProviderUserId: z.string().min(1),
  userId: lowerCase,
  displayName: filledText,
  data: metadata,
  token: filledText,
  insertInstant: instant,
  lastLoginInstant: instant,
})

const linkList = z.object({ identityProviderLinks: z.array(linkRow).max(1000).nullish() })

/** All links of a user; rejects with USER_NOT_FOUND where FusionAuth does not know the user. */
export type ReadLinks = (user_id: string, call: Call) => Promise<readonly Link[]>

export function openLinks(http: Http, upstream: string, directory: IdentityProviders): ReadLinks {
  /** Whether an unknown user gives a 404 or an empty list is UNVERIFIED: without links, the user API is asked. */
  async function checkUser(user_id: string, call: Call): Promise<void> {
    const answer = await http.request(
      { operation: 'fusionauth.user', keys: 1, template: '/api/user/{user_id}', params: { user_id } },
      call,
    )
    if (answer.status === 404) throw new CodedError('USER_NOT_FOUND', undefined, { upstream, upstream_status: 404 })
    // The key has just been accepted for links: it may not read users, and then nobody can tell.
    if (answer.status >= 300 && answer.status !== 401) throw fusionauthError(answer, upstream)
  }

  return async (given, call) => {
    const user_id = checkUuid(given, 'user_id')
    const answer = await http.request(
      {
        operation: 'fusionauth.links',
        keys: 1,
        template: '/api/identity-provider/link',
        query: [['userId', user_id]],
      },
      call,
    )
    const links = readLinks(answer, user_id, upstream, directory)
    if (links.length === 0) await checkUser(user_id, call)
    return links
  }
}

function readLinks(answer: HttpAnswer, user_id: string, upstream: string, directory: IdentityProviders): Link[] {
  if (answer.status === 404) return []
  if (answer.status >= 300) throw fusionauthError(answer, upstream)
  const rows = linkList.safeParse(answer.json).data?.identityProviderLinks
  if (rows === undefined || rows?.some((row) => row.userId !== user_id)) throw shapeError(answer, upstream)
  return (rows ?? []).map((row) => toLink(row, directory))
}

function toLink(row: z.output<typeof linkRow>, directory: IdentityProviders): Link {
  const provider = { id: row.identityProviderId, type: row.identityProviderType }
  const isAccessToken = directory.kindOf(provider) === 'access_token'
  return {
    id: `${row.identityProviderId}:${row.identityProviderUserId}`,
    identity_provider_id: row.identityProviderId,
    provider: directory.nameOf(provider),
    provider_user_id: row.identityProviderUserId,
    label: row.displayName,
    data: withoutSecrets(row.data),
    token: isAccessToken ? toAccessToken(row.token) : { kind: 'other' },
    created_at: row.insertInstant,
    updated_at: row.lastLoginInstant,
  }
}

function toAccessToken(token: string | null): LinkToken {
  if (token === null) return { kind: 'access_token', token: null, expires_at: null }
  return { kind: 'access_token', token: secret(token), expires_at: jwtExpiry(token) }
}
