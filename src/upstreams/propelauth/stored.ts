/** `GET /api/backend/v1/user/{user_id}/oauth_token`: what is stored of all providers of a user, in one call. */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import { shareCalls } from '../../lib/singleflight.ts'
import { toUnixSeconds } from '../shapes.ts'
import type { OAuthAccessToken } from '../../tokens/types.ts'
import { checkUuid } from '../kit.ts'
import { secret } from '../../lib/secret.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'
import type { Call } from '../platform.ts'
import { filledText } from '../shapes.ts'

/** By provider, as they came; each is read when it is asked for, so that one bad entry fails alone. */
export type Stored = ReadonlyMap<string, unknown>

/** Rejects with USER_NOT_FOUND; one call at a time for each user, whichever provider it is for. */
export type ReadStored = (user_id: string, call: Call) => Promise<Stored>

export function openStored(http: Http, upstream: string): ReadStored {
  async function one(user_id: string, call: Call): Promise<Stored> {
    const answer = await http.request(
      {
        operation: 'propelauth.oauth_token',
        keys: 1,
        template: '/api/backend/v1/user/{user_id}/oauth_token',
        params: { user_id },
      },
      call,
    )
    if (answer.status === 404) throw answerError('USER_NOT_FOUND', answer, { upstream })
    if (answer.status >= 300) throw statusError(answer, { upstream })
    const { json } = answer
    if (json === null || typeof json !== 'object' || Array.isArray(json)) throw shapeError(answer, upstream)
    return new Map(Object.entries(json))
  }

  const ask = shareCalls<string, Stored>({ kind: 'one', one }, (user_id) => user_id)
  return async (user_id, call) => {
    const stored = await ask([checkUuid(user_id, 'user_id')], call)[0]
    return stored ?? new Map()
  }
}

/** A time before 2001 is the remaining life of a token of unknown age, or nothing: neither says when it ends. */
const FIRST_TIME = 1e9

// The unit of the expiry is UNVERIFIED: seconds or milliseconds are told apart by size (upstreams/others.md).
const entry = z.object({
  access_token: filledText,
  token_expiration: z
    .number()
    .nullish()
    .transform((value) => (value == null || value < FIRST_TIME ? null : toUnixSeconds(value))),
  authorized_scopes: z
    .union([
      z.array(z.string()),
      z.string().transform((value) => value.split(/[\s,]+/).filter((scope) => scope !== '')),
    ])
    .nullish()
    .transform((value) => value ?? null),
})

export type Entry = z.output<typeof entry>

/** The entry of one provider, without its refresh token; UPSTREAM_PROTOCOL_ERROR where it is not as documented. */
export function readEntry(value: unknown, upstream: string): Entry {
  const parsed = entry.safeParse(value)
  if (!parsed.success) throw new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream })
  return parsed.data
}

/** PropelAuth has no id for the account: one per user and provider, and no two of either share it. */
export function accountId(user_id: string, provider: string): string {
  return `${user_id.toLowerCase()}:${provider}`
}

/** REAUTHORIZATION_REQUIRED where no token is stored. */
export function toToken(user_id: string, provider: string, { access_token, ...rest }: Entry): OAuthAccessToken {
  if (access_token === null) throw new CodedError('REAUTHORIZATION_REQUIRED')
  return {
    external_account_id: accountId(user_id, provider),
    provider_user_id: '',
    token: secret(access_token),
    expires_at: rest.token_expiration,
    provider,
    public_metadata: {},
    label: null,
    scopes: rest.authorized_scopes,
    token_secret: null,
    id_token: null,
  }
}

/** A success whose body is not what PropelAuth documents. */
function shapeError(answer: HttpAnswer, upstream: string): CodedError {
  return answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
}
