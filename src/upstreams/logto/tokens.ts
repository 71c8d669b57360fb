/** `GET /api/my-account/…/access-token`: the token of a user at a provider, as the user (logto.md section 1). */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import { reveal, secret } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { answerError } from '../http/errors.ts'
import type { Call, One } from '../platform.ts'
import { checkId } from '../../tokens/ids.ts'
import type { OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import type { LinkedProviders } from '../kit.ts'
import { remainingSeconds, scopeList } from '../shapes.ts'
import { logtoCode, logtoError } from './errors.ts'
import { accountId, labelOf, needsConsent, type Identity } from './identities.ts'
import type { Impersonation } from './impersonation.ts'

const tokenBody = z.object({ access_token: z.string().min(1), scope: scopeList, expires_in: remainingSeconds })

const templates = {
  social: '/api/my-account/identities/{provider}/access-token',
  sso: '/api/my-account/sso-identities/{provider}/access-token',
} as const

export interface Logto {
  readonly http: Http
  readonly upstream: string
  readonly identities: LinkedProviders<Identity>
  readonly impersonation: Impersonation
}

/** The fetcher for tokens; who has nothing linked costs one request. */
export function tokensFetcher(logto: Logto): One<TokenKey, readonly OAuthAccessToken[]> {
  const { http, upstream, identities, impersonation } = logto

  async function ask({ kind, provider }: Identity, token: Secret, call: Call): Promise<HttpAnswer> {
    return http.request(
      {
        operation: 'logto.access_token',
        keys: 1,
        template: templates[kind],
        params: { provider },
        headers: { authorization: `Bearer ${reveal(token)}` },
      },
      call,
    )
  }

  /** A token of ours that Logto no longer accepts is made anew once. */
  async function askAs(user_id: string, identity: Identity, call: Call): Promise<HttpAnswer> {
    const token = await impersonation.tokenOf(user_id, call)
    const answer = await ask(identity, token, call)
    if (logtoCode(answer) !== 'auth.unauthorized') return answer
    impersonation.forget(user_id, token)
    return ask(identity, await impersonation.tokenOf(user_id, call), call)
  }

  return {
    kind: 'one',
    async one({ user_id, provider }, call) {
      const name = bareProvider(provider)
      const linked = await identities.list(checkId(user_id, 'user_id'), call)
      const identity = linked.find((each) => each.provider === name)
      if (identity === undefined) return []
      if (needsConsent(identity)) throw new CodedError('REAUTHORIZATION_REQUIRED', undefined, { upstream })
      return [readToken(await askAs(user_id, identity, call), identity, upstream)]
    },
  }
}

function readToken(answer: HttpAnswer, identity: Identity, upstream: string): OAuthAccessToken {
  if (answer.status >= 300) throw logtoError(answer, upstream)
  const parsed = tokenBody.safeParse(answer.json)
  if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
  const { access_token, scope, expires_in } = parsed.data
  return {
    external_account_id: accountId(identity),
    provider_user_id: identity.provider_user_id,
    token: secret(access_token),
    expires_at: expires_in ?? stillAhead(identity.stored?.metadata.expiresAt),
    provider: identity.provider,
    public_metadata: {},
    label: labelOf(identity),
    scopes: scope ?? identity.stored?.metadata.scope ?? null,
    token_secret: null,
    id_token: null,
  }
}

/** What the metadata said before the call: of no use once the token has been refreshed since. */
function stillAhead(expiresAt: number | null | undefined): number | null {
  return expiresAt != null && expiresAt > Date.now() / 1000 ? Math.floor(expiresAt) : null
}
