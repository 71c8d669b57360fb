/** The documented shape of an outbound token; a refresh token is dropped while it is read. */
import { z } from 'zod'
import { secret } from '../../lib/secret.ts'
import { toUnixSeconds } from '../shapes.ts'
import { filledText } from '../shapes.ts'

/**
 * The worst-typed field of all platforms: a number in one SDK, a numeric string in another and on the wire (int64 in
 * protobuf JSON), an ISO date in a third. Zero, nothing and the zero time of Go mean unknown.
 */
const expiry = z
  .union([z.number().max(1e14), z.string().regex(/^\d{0,14}$/), z.iso.datetime({ offset: true })])
  .nullish()
  .transform((value) => {
    if (value === null || value === undefined || value === '') return null
    const isNumber = typeof value === 'number' || /^\d+$/.test(value)
    const seconds = isNumber ? toUnixSeconds(Number(value)) : Math.floor(Date.parse(value) / 1000)
    return seconds > 0 ? seconds : null
  })

const token = z
  .object({
    id: z.string().min(1),
    appId: filledText,
    userId: filledText,
    tokenSub: filledText,
    accessToken: filledText,
    accessTokenType: filledText,
    accessTokenExpiry: expiry,
    lastRefreshError: filledText,
    scopes: z.array(z.string()).nullish(),
    externalIdentifier: filledText,
  })
  .transform(({ accessToken, accessTokenType, scopes, ...rest }) => ({
    id: rest.id,
    app_id: rest.appId,
    user_id: rest.userId,
    subject: rest.tokenSub ?? '',
    access_token: accessToken === null ? null : secret(accessToken),
    isApiKey: /^api.?key$/i.test(accessTokenType ?? ''),
    expires_at: rest.accessTokenExpiry,
    refreshFailed: rest.lastRefreshError !== null,
    scopes: scopes ?? null,
    label: rest.externalIdentifier,
  }))

export const tokenAnswer = z.object({ token }).transform((answer) => answer.token)
export type OutboundToken = z.output<typeof tokenAnswer>
