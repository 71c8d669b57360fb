/** The calls for Descope's outbound apps, their shapes and their errors (docs/platforms/descope.md sections 2 and 5). */
import { z } from 'zod'
import {
  answerError,
  blameOf,
  CodedError,
  filledText,
  joinIds,
  read,
  readAnswer,
  secret,
  shareCalls,
  statusError,
  toUnixSeconds,
  unixSeconds,
} from '../kit.ts'
import type { Call, ErrorCode, Http, HttpAnswer, Reading } from '../kit.ts'

export interface DescopeApi {
  /** The ids of the apps that a user has connected; USER_NOT_FOUND: Descope does not know the user. */
  apps(userId: string, call: Call): Promise<readonly string[]>
  /** Whether the project has this app; only needed where the user has not connected it. */
  hasApp(appId: string, call: Call): Promise<boolean>
  /** The newest token; null: not connected. Never reads one token twice at the same time: each read may refresh it. */
  latestToken(key: LatestTokenKey, call: Call): Promise<OutboundToken | null>
}

export interface LatestTokenKey {
  readonly userId: string
  readonly appId: string
}

/** `tenantId` null: the tokens without a tenant. */
export function openApi(http: Http, tenantId: string | null): DescopeApi {
  /** The list of an unknown user may be empty (UNVERIFIED), so the user is looked up. */
  async function checkUser(userId: string, call: Call): Promise<void> {
    const answer = await http.request(
      { operation: 'descope.user', keys: 1, template: '/v1/mgmt/user', query: [['userId', userId]], user: userId },
      call,
    )
    if (answer.status === 404) throw verdict('USER_NOT_FOUND', answer)
    // A key that may list apps and not read users cannot tell, and the empty list is what Descope said.
    if (answer.status >= 300 && answer.status !== 403 && !isUndocumented(answer)) throw toError(answer)
  }

  const apps = shareCalls<string, readonly string[]>(
    async (userId, call) => {
      const { appIds } = await read(
        http,
        {
          operation: 'descope.apps_with_user_token',
          keys: 1,
          template: '/v1/mgmt/outbound/apps-with-user-token',
          user: userId,
          query: [['userId', userId], ...(tenantId === null ? [] : [['tenantId', tenantId] as const])],
        },
        { shape: appList, toError },
        call,
      )
      if (appIds.length === 0) await checkUser(userId, call)
      return appIds
    },
    (userId) => userId,
  )

  const existing = new Set<string>()
  async function hasApp(appId: string, call: Call): Promise<boolean> {
    if (existing.has(appId)) return true
    const answer = await http.request(
      { operation: 'descope.app', keys: 1, template: '/v1/mgmt/outbound/app/{app_id}', params: { app_id: appId } },
      call,
    )
    if (isUndocumented(answer)) return false
    if (answer.status >= 300 && answer.status !== 403) throw toError(answer)
    existing.add(appId)
    return true
  }

  /** No source documents the codes of "not connected" and of a failed refresh; the list of apps tells them apart. */
  async function explain(answer: HttpAnswer, { appId, userId }: LatestTokenKey, call: Call): Promise<null> {
    const connected = await apps(userId, call)
    if (connected.includes(appId)) throw verdict('REAUTHORIZATION_REQUIRED', answer)
    if (await hasApp(appId, call)) return null
    throw verdict('PROVIDER_NOT_CONFIGURED', answer)
  }

  const latestToken = shareCalls<LatestTokenKey, OutboundToken | null>(
    async (key, call) => {
      const { appId, userId } = key
      const answer = await http.request(
        {
          operation: 'descope.latest_token',
          keys: 1,
          method: 'POST',
          idempotent: true,
          template: '/v1/mgmt/outbound/app/user/token/latest',
          // Descope refreshes at the provider before it answers (docs/platforms/descope.md section 4).
          scope: appId,
          user: userId,
          blame: blameOf(ofToken),
          body: {
            json: {
              appId,
              userId,
              ...(tenantId !== null && { tenantId }),
              options: { withRefreshToken: false, forceRefresh: false },
            },
          },
        },
        call,
      )
      if (isUndocumented(answer)) return explain(answer, key, call)
      const { token } = readAnswer(answer, ofToken)
      if ((token.appId ?? appId) !== appId || (token.userId ?? userId) !== userId)
        throw verdict('UPSTREAM_PROTOCOL_ERROR', answer)
      return usable(token)
    },
    ({ userId, appId }) => joinIds(userId, appId),
  )

  return { apps, hasApp, latestToken }
}

const appList = z
  .object({ appIds: z.array(z.string().min(1)).max(1000).nullish() })
  .transform(({ appIds }) => ({ appIds: appIds ?? [] }))

/**
 * Descope types it as a number in one SDK, as a numeric string in another and on the wire (int64 in protobuf JSON), and
 * as an ISO date in a third. Zero, nothing and the zero time of Go mean unknown.
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

// A refresh token is dropped here.
const outboundToken = z.object({
  id: z.string().min(1),
  appId: filledText,
  userId: filledText,
  tokenSub: filledText,
  accessToken: filledText.transform((value) => (value === null ? null : secret(value))),
  accessTokenType: filledText,
  accessTokenExpiry: expiry,
  lastRefreshError: filledText,
  scopes: z.array(z.string()).nullish(),
  externalIdentifier: filledText,
})
const tokenAnswer = z.object({ token: outboundToken })
const ofToken: Reading<z.output<typeof tokenAnswer>> = { shape: tokenAnswer, toError }
type RawToken = z.output<typeof outboundToken>

export type OutboundToken = RawToken & { readonly accessToken: NonNullable<RawToken['accessToken']> }

/** Rejects a credential that is no OAuth token, and one that has to be consented to again. */
function usable(token: RawToken): OutboundToken {
  const { accessToken, accessTokenType, accessTokenExpiry, lastRefreshError } = token
  if (/^api.?key$/i.test(accessTokenType ?? '')) throw new CodedError('UNSUPPORTED_CREDENTIAL')
  // A refresh that failed does no harm while the token is known to live.
  const isAlive = accessTokenExpiry !== null && accessTokenExpiry > unixSeconds()
  if (accessToken === null || (lastRefreshError !== null && !isAlive)) throw new CodedError('REAUTHORIZATION_REQUIRED')
  return { ...token, accessToken }
}

const errorBody = z.object({ errorCode: z.string() })

const documented: ReadonlyMap<string, ErrorCode> = new Map([
  ['E011001', 'BAD_USER_INPUT'],
  ['E011002', 'BAD_USER_INPUT'],
  ['E011003', 'BAD_USER_INPUT'],
  ['E011004', 'BAD_USER_INPUT'],
  ['E112102', 'USER_NOT_FOUND'],
  ['E130429', 'UPSTREAM_RATE_LIMITED'],
])

function toError(answer: HttpAnswer): CodedError {
  // A status that speaks of our key or of an outage counts whatever the code says.
  const byStatus = answer.status === 401 || answer.status === 403 || answer.status >= 500
  const code = codeOf(answer)
  const meaning = byStatus ? undefined : documented.get(code ?? '')
  return meaning === undefined ? statusError(answer, { code }) : answerError(meaning, answer, { code })
}

/** The error that was read out of an answer, whatever its status. */
function verdict(meaning: ErrorCode, answer: HttpAnswer): CodedError {
  return answerError(meaning, answer, { code: codeOf(answer) })
}

/** Whether the answer refuses the request for a reason that no source documents. */
function isUndocumented(answer: HttpAnswer): boolean {
  const { status } = answer
  if (status < 400 || status >= 500 || [401, 403, 408, 429].includes(status)) return false
  return !documented.has(codeOf(answer) ?? '')
}

function codeOf(answer: HttpAnswer): string | undefined {
  return errorBody.safeParse(answer.json).data?.errorCode
}
