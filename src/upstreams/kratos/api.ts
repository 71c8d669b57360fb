/** `GET /admin/identities` of Ory Kratos: many users in one call (docs/platforms/kratos.md, sections 2, 3 and 5). */
import { z } from 'zod'
import {
  answerError,
  checkUuid,
  CodedError,
  filledText,
  isoSeconds,
  jwtExpiry,
  readAnswer,
  secret,
  splitOnFailure,
  statusError,
  valueOrError,
} from '../kit.ts'
import type { Call, Http, HttpAnswer, Reading, Secret } from '../kit.ts'

/** One social login that is linked to an identity. */
export interface Link {
  /** The configured id of the provider, not its type. */
  readonly provider: string
  readonly subject: string
  readonly organization: string | null
  /** null: absent, or Kratos could not decrypt it. */
  readonly accessToken: Secret | null
  readonly idToken: Secret | null
  /** Whole Unix seconds; known only for tokens that are JWTs. */
  readonly expiresAt: number | null
}

// Refresh tokens and unknown members are dropped here.
const storedLink = z
  .object({
    provider: z.string().min(1),
    subject: z.string(),
    organization: filledText,
    initial_access_token: filledText,
    initial_id_token: filledText,
  })
  .transform(
    ({ provider, subject, organization, initial_access_token: accessToken, initial_id_token: idToken }): Link => ({
      provider,
      subject,
      organization,
      accessToken: accessToken === null ? null : secret(accessToken),
      idToken: idToken === null ? null : secret(idToken),
      expiresAt: accessToken === null ? null : jwtExpiry(accessToken),
    }),
  )

// `provider:subject`; the subject may hold colons itself.
const identifiers = z
  .array(z.string().regex(/^[^:]+:/))
  .max(1000)
  .nullish()
  .transform((list) =>
    (list ?? []).map((identifier) => {
      const colon = identifier.indexOf(':')
      return { provider: identifier.slice(0, colon), subject: identifier.slice(colon + 1) }
    }),
  )

const oidc = z
  .object({
    identifiers,
    // Empty where the tokens were not asked for.
    config: z.object({ providers: z.array(storedLink).max(1000).nullish() }).nullish(),
    created_at: isoSeconds,
    updated_at: isoSeconds,
  })
  .transform((given) => ({
    identifiers: given.identifiers,
    stored: given.config?.providers ?? [],
    createdAt: given.created_at,
    updatedAt: given.updated_at,
  }))

const credentials = z.object({ oidc: oidc.nullish(), saml: z.object({ identifiers }).nullish() })

const identity = z
  .object({ credentials: credentials.nullish() })
  .transform(({ credentials: held }) => ({ oidc: held?.oidc ?? null, saml: held?.saml?.identifiers ?? [] }))

export type Identity = z.output<typeof identity>

const identityId = z.object({ id: z.string().min(1) })

const herodot = z.object({ error: z.object({ id: z.unknown().optional(), request: z.unknown().optional() }) })

// The elements are read one by one: a bad identity concerns one user of the batch.
const reading: Reading<readonly unknown[]> = {
  shape: z.array(z.unknown()),
  toError(answer: HttpAnswer) {
    const error = herodot.safeParse(answer.json).data?.error
    const facts = { code: error?.id, traceId: error?.request }
    return answer.status === 400
      ? answerError('BAD_USER_INPUT', answer, facts, 'The platform does not accept the user id.')
      : statusError(answer, facts)
  },
}

export interface KratosApi {
  /**
   * By the ids as they were given. A user that Kratos does not know is absent; a user whose id or answer is bad has an
   * Error as the value. `withTokens`: whether the stored tokens are read, or only what is linked.
   */
  identities(
    userIds: readonly string[],
    options: { readonly withTokens: boolean },
    call: Call,
  ): Promise<ReadonlyMap<string, Identity | Error>>
}

/** `batchSize`: how many ids go into one call. */
export function openApi(http: Http, batchSize: number): KratosApi {
  async function ask(ids: readonly string[], withTokens: boolean, call: Call) {
    const answer = await http.request(
      {
        operation: withTokens ? 'kratos.identities.tokens' : 'kratos.identities',
        keys: ids.length,
        template: '/admin/identities',
        user: ids.length === 1 ? (ids[0] ?? null) : null,
        query: [
          ...ids.map((id) => ['ids', id] as const),
          ...(withTokens ? [['include_credential', 'oidc'] as const] : []),
        ],
      },
      call,
    )
    return byId(readAnswer(answer, reading), ids, answerError('UPSTREAM_PROTOCOL_ERROR', answer))
  }

  return {
    async identities(userIds, { withTokens }, call) {
      const found = new Map<string, Identity | Error>()
      const asked = new Map<string, string>()
      for (const userId of userIds) {
        // One malformed id would fail the whole call at Kratos.
        const id = await valueOrError(() => checkUuid(userId, 'user_id'))
        if (id instanceof CodedError) found.set(userId, id)
        else asked.set(userId, id)
      }
      const ids = [...new Set(asked.values())]
      const parts = Array.from({ length: Math.ceil(ids.length / batchSize) }, (_, n) =>
        splitOnFailure(ids.slice(n * batchSize, (n + 1) * batchSize), (part) => ask(part, withTokens, call)),
      )
      const identities = new Map((await Promise.all(parts)).flatMap((part) => [...part]))
      for (const [userId, id] of asked) {
        const value = identities.get(id)
        if (value !== undefined) found.set(userId, value)
      }
      return found
    },
  }
}

/** The rows of the users that were asked for; a row that is not an identity is `malformed`. */
function byId(
  rows: readonly unknown[],
  ids: readonly string[],
  malformed: Error,
): ReadonlyMap<string, Identity | Error> {
  const asked = new Set(ids)
  const found = new Map<string, Identity | Error>()
  let hasNameless = false
  for (const row of rows) {
    const id = identityId.safeParse(row).data?.id.toLowerCase()
    hasNameless ||= id === undefined
    if (id !== undefined && asked.has(id)) found.set(id, identity.safeParse(row).data ?? malformed)
  }
  // A row without an id may be any of those that are missing: to call them unknown would be a guess.
  if (hasNameless) for (const id of ids) if (!found.has(id)) found.set(id, malformed)
  return found
}
