/** `GET /admin/identities` of Ory Kratos: many users in one call (docs/platforms/kratos.md, sections 2, 3 and 5). */
import { z } from 'zod'
import {
  answerError,
  checkUuid,
  CodedError,
  decorativeSecret,
  filledText,
  jwtExpiry,
  optionalRows,
  optionalSecret,
  readAnswer,
  reveal,
  splitOnFailure,
  statusError,
  time,
  valueOrError,
} from '../kit.ts'
import type { Call, Http, HttpAnswer, Reading, Secret, UnreadableRow } from '../kit.ts'

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
    initial_access_token: optionalSecret,
    initial_id_token: decorativeSecret,
  })
  .transform(
    ({ provider, subject, organization, initial_access_token: accessToken, initial_id_token: idToken }): Link => ({
      provider,
      subject,
      organization,
      accessToken,
      idToken,
      expiresAt: accessToken === null ? null : jwtExpiry(reveal(accessToken)),
    }),
  )

const linkProvider = z.object({ provider: z.string().min(1) }).transform((row) => row.provider)

// Go leaves out empty lists and objects marked `omitempty` (docs/platforms/kratos.md section 2): both lists are optional.
const identifiers = optionalRows(z.string().regex(/^[^:]+:/))
const stored = optionalRows(storedLink, { provider: linkProvider })

const oidc = z
  .object({
    identifiers,
    // Empty where the tokens were not asked for.
    config: z.object({ providers: stored }).nullish(),
    created_at: time,
    updated_at: time,
  })
  .transform((given) => ({
    identifiers: given.identifiers,
    stored: given.config?.providers ?? [],
    createdAt: given.created_at,
    updatedAt: given.updated_at,
  }))

const saml = z.object({ identifiers })
const credentials = z.object({ oidc: oidc.nullish(), saml: saml.nullish().catch(null) })

const identity = z
  .object({ credentials: credentials.nullish() })
  .transform(({ credentials: held }) => ({ oidc: held?.oidc ?? null, saml: held?.saml?.identifiers ?? [] }))

export type Identity = z.output<typeof identity>
export type Identifier = string | UnreadableRow

const identityId = z.object({ id: z.string().min(1) })

const herodot = z.object({
  error: z.object({ id: z.unknown().optional(), request: z.unknown().optional(), reason: filledText }),
})

/** What a user has linked: the identifier is `provider:subject`, and both may hold colons. */
export interface Linked {
  readonly provider: string
  readonly subject: string
}

/**
 * Where the identifier is divided. Only what is stored beside it tells for sure; without it, at the first colon.
 */
export function splitIdentifier(identifier: string, known: readonly Linked[]): Linked {
  const stored = known.find(({ provider, subject }) => identifier === `${provider}:${subject}`)
  const colon = identifier.indexOf(':')
  return stored ?? { provider: identifier.slice(0, colon), subject: identifier.slice(colon + 1) }
}

/** Whether the identifier can be divided in more than one way. */
export function isAmbiguous(identifier: string): boolean {
  return identifier.indexOf(':') !== identifier.lastIndexOf(':')
}

// The identities are read one by one: a bad one concerns one user of the batch. The list is the whole answer.
const reading: Reading<readonly unknown[]> = {
  shape: z.array(z.unknown()),
  toError(answer: HttpAnswer) {
    const error = herodot.safeParse(answer.json).data?.error
    // No code of Kratos is documented for this call.
    const facts = { code: error?.id, traceId: error?.request }
    // Where its reason names the parameter; any other 400 is about what this server asks for.
    return answer.status === 400 && /parameter .?ids\b/.test(error?.reason ?? '')
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
