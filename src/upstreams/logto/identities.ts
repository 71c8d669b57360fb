/** `GET /api/users/{id}/all-identities`: what a user has linked, and whether a token is stored (logto.md section 3). */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import { toUnixSeconds } from '../shapes.ts'
import type { ExternalAccount } from '../../tokens/types.ts'
import { linkedProviders } from '../kit.ts'
import type { LinkedProviders } from '../kit.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { answerError } from '../http/errors.ts'
import type { One } from '../platform.ts'
import { filledText, scopeList } from '../shapes.ts'
import { clientError } from './errors.ts'

const milliseconds = z
  .int()
  .positive()
  .nullish()
  .transform((value) => (value == null ? null : toUnixSeconds(value)))

// Desensitised by Logto: there is no ciphertext in it, and what else there may be is left behind here.
const tokenSecret = z.object({
  metadata: z.object({
    scope: scopeList,
    /** Seconds, unlike the two below. */
    expiresAt: z.number().positive().nullish().catch(null),
    hasRefreshToken: z.boolean().nullish(),
  }),
  createdAt: milliseconds,
  updatedAt: milliseconds,
})

const details = z.object({ email: filledText, name: filledText, avatar: filledText })
const noDetails = { email: null, name: null, avatar: null }

const social = z
  .object({
    target: z.string().min(1),
    identity: z.object({ userId: z.string(), details: details.nullish().catch(null) }),
    tokenSecret: tokenSecret.nullish(),
  })
  .transform(({ target, identity, tokenSecret: stored }) => ({
    kind: 'social' as const,
    provider: target,
    provider_user_id: identity.userId,
    details: identity.details ?? noDetails,
    stored: stored ?? null,
  }))

const sso = z
  .object({
    ssoConnectorId: z.string().min(1),
    ssoIdentity: z.object({ identityId: z.string(), detail: details.nullish().catch(null) }),
    tokenSecret: tokenSecret.nullish(),
  })
  .transform(({ ssoConnectorId, ssoIdentity, tokenSecret: stored }) => ({
    kind: 'sso' as const,
    provider: ssoConnectorId,
    provider_user_id: ssoIdentity.identityId,
    details: ssoIdentity.detail ?? noDetails,
    stored: stored ?? null,
  }))

const list = z.object({
  socialIdentities: z.array(social).max(1000),
  ssoIdentities: z.array(sso).max(1000).nullish(),
})

/** A linked account; `provider` is the target of a social connector or the id of an enterprise one. */
export type Identity = z.output<typeof social> | z.output<typeof sso>

/** Rejects with USER_NOT_FOUND where Logto does not know the user. */
export function openIdentities(api: Http, upstream: string): LinkedProviders<Identity> {
  return linkedProviders(async (user_id, call) => {
    const answer = await api.request(
      {
        operation: 'logto.all_identities',
        keys: 1,
        template: '/api/users/{user_id}/all-identities',
        params: { user_id },
        query: [['includeTokenSecret', 'true']],
      },
      call,
    )
    return readList(answer, upstream)
  })
}

function readList(answer: HttpAnswer, upstream: string): readonly Identity[] {
  if (answer.status === 404 && answer.json !== undefined) throw answerError('USER_NOT_FOUND', answer, { upstream })
  if (answer.status >= 300) throw clientError(answer, upstream)
  const parsed = list.safeParse(answer.json)
  if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
  return [...parsed.data.socialIdentities, ...(parsed.data.ssoIdentities ?? [])]
}

/** Whether the token is gone, or expired beyond help: to ask for it then would make Logto delete it. */
export function needsConsent({ stored }: Identity): boolean {
  if (stored === null) return true
  const { expiresAt, hasRefreshToken } = stored.metadata
  return expiresAt != null && expiresAt <= Date.now() / 1000 && hasRefreshToken === false
}

/** A user has one identity of a provider. The id of the stored token would change when the user consents again. */
export function accountId({ provider, provider_user_id }: Identity): string {
  return `${provider}:${provider_user_id}`
}

export function labelOf({ details: { email, name } }: Identity): string | null {
  return email ?? name
}

/** The fetcher for accounts; null for a user that Logto does not know. */
export function accountsFetcher(identities: LinkedProviders<Identity>): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(user_id, call) {
      try {
        return (await identities.list(user_id, call)).map(toAccount)
      } catch (error) {
        if (error instanceof CodedError && error.code === 'USER_NOT_FOUND') return null
        throw error
      }
    },
  }
}

function toAccount(identity: Identity): ExternalAccount {
  const { provider, provider_user_id, details: profile, stored } = identity
  return {
    id: accountId(identity),
    provider,
    provider_user_id,
    email_address: profile.email,
    username: null,
    first_name: null,
    last_name: null,
    image_url: profile.avatar,
    label: labelOf(identity),
    approved_scopes: stored?.metadata.scope ?? null,
    // `details` holds the provider's raw profile: personal data that nobody asked to have in frontends.
    public_metadata: {},
    created_at: stored?.createdAt ?? null,
    updated_at: stored?.updatedAt ?? null,
    needs_reauthorization: needsConsent(identity),
  }
}
