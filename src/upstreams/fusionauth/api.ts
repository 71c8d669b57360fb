/** The links of a user in FusionAuth: calls, shapes and errors (docs/platforms/fusionauth.md, sections 2 and 5). */
import { z } from 'zod'
import {
  answerError,
  checkUuid,
  CodedError,
  filledText,
  isUnreadable,
  jwtExpiry,
  metadata,
  optionalRows,
  optionalSecret,
  readAnswer,
  reveal,
  statusError,
  time,
  withoutSecrets,
} from '../kit.ts'
import type { Call, Http, HttpAnswer, JsonObject, Reading, Secret, UnreadableRow } from '../kit.ts'
import type { Providers } from './providers.ts'

export interface Link {
  /** `identityProviderId:identityProviderUserId`. */
  readonly id: string
  readonly identityProviderId: string
  /** The name that the configuration, or else FusionAuth, has for the provider. */
  readonly provider: string
  readonly providerUserId: string
  readonly label: string | null
  readonly data: JsonObject
  /** Whether what FusionAuth stores for the provider is an access token: anything else is dropped here. */
  readonly holdsAccessToken: boolean
  readonly accessToken: Secret | null
  /** Whole Unix seconds; known only for tokens that are JWTs. */
  readonly expiresAt: number | null
  /** Whole Unix seconds. */
  readonly createdAt: number | null
  /** Whole Unix seconds. */
  readonly updatedAt: number | null
}

const lowerCase = z.string().transform((value) => value.toLowerCase())

const linkRow = z.object({
  identityProviderId: lowerCase.pipe(z.string().min(1)),
  // Since 1.46.
  identityProviderType: lowerCase.nullish().transform((type) => type ?? null),
  identityProviderUserId: z.string().min(1),
  userId: lowerCase,
  displayName: filledText,
  data: metadata,
  token: optionalSecret,
  insertInstant: time,
  lastLoginInstant: time,
})

type LinkRow = z.output<typeof linkRow>

// By its id: the name that the caller gives may be another.
const linkProvider = z.object({ identityProviderId: lowerCase }).transform((row) => row.identityProviderId)

const ofLinks: Reading<readonly (LinkRow | UnreadableRow)[]> = {
  // Left out where it is empty: so are all lists of FusionAuth (FusionAuth/fusionauth-issues#1275).
  shape: z
    .object({ identityProviderLinks: optionalRows(linkRow, { provider: linkProvider }) })
    .transform(({ identityProviderLinks }) => identityProviderLinks),
  valueIn: (answer) => (answer.status === 404 ? [] : undefined),
  toError,
}

function toLink(row: LinkRow, providers: Providers): Link {
  const provider = { id: row.identityProviderId, type: row.identityProviderType }
  const holdsAccessToken = providers.kindOf(provider) === 'access_token'
  const token = holdsAccessToken ? row.token : null
  return {
    id: `${row.identityProviderId}:${row.identityProviderUserId}`,
    identityProviderId: row.identityProviderId,
    provider: providers.nameOf(provider),
    providerUserId: row.identityProviderUserId,
    label: row.displayName,
    data: withoutSecrets(row.data),
    holdsAccessToken,
    accessToken: token,
    expiresAt: token === null ? null : jwtExpiry(reveal(token)),
    createdAt: row.insertInstant,
    updatedAt: row.lastLoginInstant,
  }
}

/** All links of a user. Rejects with USER_NOT_FOUND, and with BAD_USER_INPUT for an id that is no UUID. */
export type ReadLinks = (userId: string, call: Call) => Promise<readonly (Link | UnreadableRow)[]>

export function openLinks(http: Http, providers: Providers): ReadLinks {
  /** Whether an unknown user gives a 404 or an empty list is not documented: without links, the user API is asked. */
  async function checkUser(userId: string, call: Call): Promise<void> {
    const answer = await http.request(
      {
        operation: 'fusionauth.user',
        keys: 1,
        template: '/api/user/{user_id}',
        params: { user_id: userId },
        user: userId,
      },
      call,
    )
    if (answer.status === 404) throw new CodedError('USER_NOT_FOUND', undefined, { upstream_status: 404 })
    // The key has just been accepted for links: a key that may not read users leaves the question open.
    if (answer.status >= 300 && answer.status !== 401) throw toError(answer)
  }

  return async (given, call) => {
    const userId = checkUuid(given, 'user_id')
    const answer = await http.request(
      {
        operation: 'fusionauth.links',
        keys: 1,
        template: '/api/identity-provider/link',
        user: userId,
        query: [['userId', userId]],
      },
      call,
    )
    const rows = readAnswer(answer, ofLinks)
    if (rows.length === 0) await checkUser(userId, call)
    return rows.map((row) => {
      // Without its type, only a name of the configuration is sure.
      if (isUnreadable(row)) return { ...row, provider: row.provider && providers.aliasOf(row.provider) }
      const link = toLink(row, providers)
      if (row.userId === userId) return link
      return { provider: link.provider, unreadable: answerError('UPSTREAM_PROTOCOL_ERROR', answer) }
    })
  }
}

const aboutUser = z.object({ fieldErrors: z.object({ userId: z.array(z.unknown()) }) })

function toError(answer: HttpAnswer): CodedError {
  if (answer.status !== 400) return statusError(answer)
  // Every other field comes from the configuration: the tenant, for one.
  return aboutUser.safeParse(answer.json).success
    ? answerError('BAD_USER_INPUT', answer, {}, 'The platform does not accept the user id.')
    : answerError('UPSTREAM_REJECTED', answer)
}
