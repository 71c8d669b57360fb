/** `POST /data-integrations/{slug}/token`: the token of a user at a provider. Failure comes with status 200, too. */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import { secret } from '../../lib/secret.ts'
import type { HttpAnswer } from '../http/client.ts'
import type { Call, One } from '../platform.ts'
import { checkId } from '../../tokens/ids.ts'
import type { OAuthAccessToken, TokenKey } from '../../tokens/types.ts'
import { bareProvider } from '../../tokens/ids.ts'
import type { LinkedProviders } from '../kit.ts'
import { isoSeconds } from '../shapes.ts'
import { isConnected, type DataProvider } from './directory.ts'
import { workosError, workosVerdict } from './errors.ts'
import { accountId, type WorkosScope } from './scope.ts'

const strings = z.array(z.string()).nullish()

const tokenAnswer = z.discriminatedUnion('active', [
  z.object({
    active: z.literal(true),
    access_token: z.object({
      access_token: z.string().min(1),
      expires_at: isoSeconds,
      scopes: strings,
      missing_scopes: strings,
    }),
  }),
  z.object({ active: z.literal(false), error: z.unknown().optional() }),
])

/** The fetcher for tokens; `directory` says what a user has linked, where that saves calls or explains a 404. */
export function tokensFetcher(
  scope: WorkosScope,
  directory: LinkedProviders<DataProvider>,
): One<TokenKey, readonly OAuthAccessToken[]> {
  const { http, upstream, organization_id } = scope

  async function ask(slug: string, user_id: string, call: Call): Promise<HttpAnswer> {
    return http.request(
      {
        operation: 'workos.token',
        keys: 1,
        method: 'POST',
        idempotent: true,
        template: '/data-integrations/{slug}/token',
        params: { slug },
        body: { json: { user_id, ...(organization_id !== null && { organization_id }) } },
      },
      call,
    )
  }

  /** The documented 404 is an unknown slug; an unknown user may look the same (UNVERIFIED), so the directory decides. */
  async function explainNotFound(answer: HttpAnswer, slug: string, user_id: string, call: Call) {
    const providers = await directory.list(user_id, call).catch((error: unknown) => {
      if (error instanceof CodedError && error.code === 'UPSTREAM_REJECTED') return null
      throw error
    })
    const provider = providers?.find((each) => each.slug === slug)
    if (provider === undefined) throw workosVerdict('PROVIDER_NOT_CONFIGURED', answer, upstream)
    if (!isConnected(provider)) return []
    throw workosVerdict('UPSTREAM_PROTOCOL_ERROR', answer, upstream)
  }

  return {
    kind: 'one',
    async one({ user_id, provider }, call) {
      const slug = bareProvider(provider)
      checkId(user_id, 'user_id')
      const providers = await directory.listIfWorthwhile(user_id, call)
      if (providers !== null) {
        const known = providers.find((each) => each.slug === slug)
        if (known === undefined) throw new CodedError('PROVIDER_NOT_CONFIGURED', undefined, { upstream })
        if (!isConnected(known)) return []
      }
      const answer = await ask(slug, user_id, call)
      if (answer.status === 404) return explainNotFound(answer, slug, user_id, call)
      if (answer.status >= 300) throw workosError(answer, upstream)
      return readToken(answer, scope, slug, user_id)
    },
  }
}

function readToken(answer: HttpAnswer, scope: WorkosScope, slug: string, user_id: string): OAuthAccessToken[] {
  const parsed = tokenAnswer.safeParse(answer.json)
  if (!parsed.success) throw workosVerdict('UPSTREAM_PROTOCOL_ERROR', answer, scope.upstream)
  if (!parsed.data.active) {
    const { error } = parsed.data
    if (error === 'not_installed') return []
    throw workosVerdict('REAUTHORIZATION_REQUIRED', answer, scope.upstream, error)
  }
  const { access_token, expires_at, scopes, missing_scopes } = parsed.data.access_token
  const { organization_id } = scope
  return [
    {
      external_account_id: accountId(scope, slug, user_id),
      provider_user_id: '',
      token: secret(access_token),
      expires_at,
      provider: slug,
      public_metadata: { organization_id, missing_scopes: missing_scopes ?? [] },
      label: organization_id,
      scopes: scopes ?? null,
      token_secret: null,
      id_token: null,
    },
  ]
}
