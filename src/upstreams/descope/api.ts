/** The calls for Descope's outbound apps, their shapes and their errors (docs/platforms/descope.md sections 2 and 5). */
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import {
  answerError,
  blameOf,
  CodedError,
  expiry,
  filledText,
  joinIds,
  isUnreadable,
  listedScopes,
  optionalRows,
  optionalSecret,
  read,
  readAnswer,
  shareCalls,
  statusError,
  unixSeconds,
} from '../kit.ts'
import type { AnswerFacts, Call, ErrorCode, Http, HttpAnswer, Reading, UnreadableRow } from '../kit.ts'

/** Apps that are remembered as existing. */
const MAX_APPS = 1000

export interface DescopeApi {
  /** The ids of the apps that a user has connected; USER_NOT_FOUND: Descope does not know the user. */
  apps(userId: string, call: Call): Promise<readonly (string | UnreadableRow)[]>
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

  const apps = shareCalls<string, readonly (string | UnreadableRow)[]>(
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

  // Names come from callers, and a 403 says of any of them that it may exist.
  const existing = new LRUCache<string, true>({ max: MAX_APPS })
  async function hasApp(appId: string, call: Call): Promise<boolean> {
    if (existing.has(appId)) return true
    const answer = await http.request(
      { operation: 'descope.app', keys: 1, template: '/v1/mgmt/outbound/app/{app_id}', params: { app_id: appId } },
      call,
    )
    if (isUndocumented(answer)) return false
    if (answer.status >= 300 && answer.status !== 403) throw toError(answer)
    existing.set(appId, true)
    return true
  }

  /** No source documents the codes of "not connected" and of a failed refresh; the list of apps tells them apart. */
  async function explain(answer: HttpAnswer, { appId, userId }: LatestTokenKey, call: Call): Promise<null> {
    const connected = await apps(userId, call)
    // One that cannot be read may be this one.
    if (connected.some((each) => each === appId || isUnreadable(each)))
      throw verdict('REAUTHORIZATION_REQUIRED', answer)
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
      if (isAnother(token.appId, appId) || isAnother(token.userId, userId))
        throw verdict('UPSTREAM_PROTOCOL_ERROR', answer)
      return usable(token)
    },
    ({ userId, appId }) => joinIds(userId, appId),
  )

  return { apps, hasApp, latestToken }
}

// JSON of protobuf leaves out empty lists (docs/platforms/descope.md section 2).
const appList = z.object({ appIds: optionalRows(z.string().min(1)) })

/** Empty and absent say nothing. */
function isAnother(found: string | null | undefined, asked: string): boolean {
  return found !== null && found !== undefined && found !== '' && found !== asked
}

// A refresh token is dropped here.
const outboundToken = z.object({
  id: z.string().min(1),
  // Compared with what was asked for.
  appId: z.string().nullish(),
  userId: z.string().nullish(),
  tokenSub: filledText,
  accessToken: optionalSecret,
  accessTokenType: filledText,
  // A number in one SDK, text on the wire (int64 in protobuf JSON), an ISO date in a third.
  accessTokenExpiry: expiry,
  lastRefreshError: filledText,
  scopes: listedScopes,
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

const errorBody = z.object({ errorCode: z.string(), errorMessage: filledText })

// No list is published: all have this form, which no credential has.
const codes = { has: (code: string) => /^E\d{6}$/.test(code) }

// E01100x: the request or its arguments.
const documented: ReadonlyMap<string, ErrorCode> = new Map([
  ['E011001', 'UPSTREAM_REJECTED'],
  ['E011002', 'UPSTREAM_REJECTED'],
  ['E011003', 'UPSTREAM_REJECTED'],
  ['E011004', 'UPSTREAM_REJECTED'],
  ['E112102', 'USER_NOT_FOUND'],
  ['E130429', 'UPSTREAM_RATE_LIMITED'],
])

function toError(answer: HttpAnswer): CodedError {
  // A status that speaks of our key or of an outage counts whatever the code says.
  const byStatus = answer.status === 401 || answer.status === 403 || answer.status >= 500
  const facts = factsOf(answer)
  const meaning = byStatus ? undefined : documented.get(codeOf(answer) ?? '')
  if (meaning === undefined) return statusError(answer, facts)
  return meaning === 'UPSTREAM_REJECTED' && namesCallersInput(answer)
    ? answerError('BAD_USER_INPUT', answer, facts, 'The platform does not accept the user id or the provider.')
    : answerError(meaning, answer, facts)
}

/** What the caller gave: Descope names the argument in its message only, which is matched and never shown. */
function namesCallersInput(answer: HttpAnswer): boolean {
  return /\b(userId|appId)\b/.test(errorBody.safeParse(answer.json).data?.errorMessage ?? '')
}

function factsOf(answer: HttpAnswer): AnswerFacts {
  return { code: codeOf(answer), codes }
}

/** The error that was read out of an answer, whatever its status. */
function verdict(meaning: ErrorCode, answer: HttpAnswer): CodedError {
  return answerError(meaning, answer, factsOf(answer))
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
