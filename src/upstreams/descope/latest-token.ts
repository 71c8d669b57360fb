/** `POST /v1/mgmt/outbound/app/user/token/latest`: the newest token of a user at an app. */
import { CodedError } from '../../errors.ts'
import { shareCalls } from '../../lib/singleflight.ts'
import type { HttpAnswer } from '../http/client.ts'
import type { Call } from '../platform.ts'
import type { Apps } from './apps.ts'
import { descopeError, descopeVerdict, isUndocumented, type DescopeScope } from './errors.ts'
import { tokenAnswer, type OutboundToken } from './shapes.ts'

export interface TokenOf {
  readonly app_id: string
  readonly user_id: string
}

/** null: not connected. Never two reads of one token at the same time: each may refresh it. */
export type LatestToken = (of: TokenOf, call: Call) => Promise<OutboundToken | null>

export function openTokens(scope: DescopeScope, apps: Apps): LatestToken {
  const { http, upstream, tenant_id } = scope

  /** No source documents the code of "not connected" and of a failed refresh; the list of apps tells them apart. */
  async function explain(answer: HttpAnswer, { app_id, user_id }: TokenOf, call: Call): Promise<null> {
    const connected = await apps.list(user_id, call)
    if (connected.includes(app_id)) throw descopeVerdict('REAUTHORIZATION_REQUIRED', answer, upstream)
    if (await apps.exists(app_id, call)) return null
    throw descopeVerdict('PROVIDER_NOT_CONFIGURED', answer, upstream)
  }

  async function read(of: TokenOf, call: Call): Promise<OutboundToken | null> {
    const { app_id: appId, user_id: userId } = of
    const answer = await http.request(
      {
        operation: 'descope.latest_token',
        keys: 1,
        method: 'POST',
        idempotent: true,
        template: '/v1/mgmt/outbound/app/user/token/latest',
        body: {
          json: {
            appId,
            userId,
            ...(tenant_id !== null && { tenantId: tenant_id }),
            options: { withRefreshToken: false, forceRefresh: false },
          },
        },
      },
      call,
    )
    if (isUndocumented(answer)) return explain(answer, of, call)
    if (answer.status >= 300) throw descopeError(answer, upstream)
    return readToken(answer, of, upstream)
  }

  const ask = shareCalls<TokenOf, OutboundToken>(
    { kind: 'one', one: read },
    ({ user_id, app_id }) => `${user_id} ${app_id}`,
  )
  return async (of, call) => (await ask([of], call)[0]) ?? null
}

function readToken(answer: HttpAnswer, { app_id, user_id }: TokenOf, upstream: string): OutboundToken {
  const token = tokenAnswer.safeParse(answer.json).data
  if (token === undefined || (token.app_id ?? app_id) !== app_id || (token.user_id ?? user_id) !== user_id)
    throw descopeVerdict('UPSTREAM_PROTOCOL_ERROR', answer, upstream)
  if (token.isApiKey) throw new CodedError('UNSUPPORTED_CREDENTIAL', undefined, { upstream })
  // A refresh that failed does no harm as long as the token is known to live.
  const isAlive = token.expires_at !== null && token.expires_at * 1000 > Date.now()
  if (token.access_token === null || (token.refreshFailed && !isAlive))
    throw new CodedError('REAUTHORIZATION_REQUIRED', undefined, { upstream })
  return token
}
