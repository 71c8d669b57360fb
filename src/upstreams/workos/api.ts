/** Two calls of WorkOS Pipes, their shapes and their errors (docs/platforms/workos.md sections 2 and 5). */
import { z } from 'zod'
import {
  answerError,
  blameOf,
  CodedError,
  decorative,
  expiry,
  filledText,
  isUnreadable,
  listedScopes,
  read,
  readAnswer,
  requiredSecret,
  rows,
  rowsOf,
  shareCalls,
  statusError,
  time,
} from '../kit.ts'
import type { Call, ErrorCode, Http, HttpAnswer, Reading, UnreadableRow } from '../kit.ts'

export interface WorkosApi {
  /** Every provider of the environment, without tokens; USER_NOT_FOUND: the user or the organization is not known. */
  providers(userId: string, call: Call): Promise<readonly (DataProvider | UnreadableRow)[]>
  /** null: not connected. */
  token(slug: string, userId: string, call: Call): Promise<AccessToken | null>
}

/** `organizationId` null: the connections without an organization. */
export function openApi(http: Http, organizationId: string | null): WorkosApi {
  const organization = organizationId === null ? {} : { organization_id: organizationId }

  const providers = shareCalls<string, readonly (DataProvider | UnreadableRow)[]>(
    (userId, call) =>
      read(
        http,
        {
          operation: 'workos.data_providers',
          keys: 1,
          template: '/user_management/users/{user_id}/data_providers',
          params: { user_id: userId },
          user: userId,
          query: Object.entries(organization),
        },
        {
          shape: providerList,
          toError: (answer) => (answer.status === 404 ? verdict('USER_NOT_FOUND', answer) : toError(answer)),
          traceOf,
        },
        call,
      ),
    (userId) => userId,
  )

  /** The documented 404 is an unknown slug; an unknown user may look the same (UNVERIFIED), so the list decides. */
  async function explainNotFound(answer: HttpAnswer, slug: string, userId: string, call: Call): Promise<null> {
    const listed = await providers(userId, call).catch((error: unknown) => {
      if (error instanceof CodedError && error.code === 'UPSTREAM_REJECTED') return []
      throw error
    })
    const provider = providerOf(listed, slug)
    if (provider === undefined) throw verdict('PROVIDER_NOT_CONFIGURED', answer)
    if (!isUnreadable(provider) && !isConnected(provider)) return null
    throw verdict('UPSTREAM_PROTOCOL_ERROR', answer)
  }

  return {
    providers,
    async token(slug, userId, call) {
      const answer = await http.request(
        {
          operation: 'workos.token',
          keys: 1,
          method: 'POST',
          idempotent: true,
          template: '/data-integrations/{slug}/token',
          params: { slug },
          // WorkOS refreshes at the provider before it answers (docs/platforms/workos.md section 4).
          scope: slug,
          user: userId,
          blame: blameOf(ofToken),
          body: { json: { user_id: userId, ...organization } },
        },
        call,
      )
      if (answer.status === 404) return explainNotFound(answer, slug, userId, call)
      const body = readAnswer(answer, ofToken)
      if (body.active) return body.access_token
      if (body.error === 'not_installed') return null
      throw verdict('REAUTHORIZATION_REQUIRED', answer, body.error)
    },
  }
}

const connectedAccount = z.object({
  // In the metadata alone: the account is named by the provider and the user.
  id: filledText,
  scopes: listedScopes,
  // A state that a later version of the API adds is none of those that the code acts on.
  state: filledText,
  created_at: time,
  updated_at: time,
})
const dataProvider = z.object({ slug: z.string().min(1), connected_account: connectedAccount.nullish() })
const providerList = z
  // Required in the types of the SDK (docs/platforms/workos.md section 2).
  .object({
    data: rows(dataProvider, { provider: z.object({ slug: z.string() }).transform((row) => row.slug) }),
  })
  .transform(({ data }) => data)

/** A provider of the environment, and the user's connection where there is one. */
export type DataProvider = z.output<typeof dataProvider>

/** The provider, or the row that may be it; undefined: it is not in the list. */
export function providerOf(
  listed: readonly (DataProvider | UnreadableRow)[],
  slug: string,
): DataProvider | UnreadableRow | undefined {
  return rowsOf(
    listed,
    (each) => each.slug === slug,
    (name) => name === slug,
  )[0]
}

/** A connection that needs consent counts: the token call says so with its own code. */
export function isConnected({ connected_account: connected }: DataProvider): boolean {
  return connected != null && connected.state !== 'disconnected'
}

const accessToken = z
  .object({
    access_token: requiredSecret,
    expires_at: expiry,
    scopes: listedScopes,
    missing_scopes: listedScopes,
  })
  .transform(({ access_token: token, expires_at: expiresAt, scopes, missing_scopes: missing }) => ({
    token,
    expiresAt,
    scopes,
    missingScopes: missing ?? [],
  }))
// A failure also has status 200.
const tokenAnswer = z.discriminatedUnion('active', [
  z.object({ active: z.literal(true), access_token: accessToken }),
  z.object({ active: z.literal(false), error: z.unknown().optional() }),
])
export type AccessToken = z.output<typeof accessToken>

const ofToken: Reading<z.output<typeof tokenAnswer>> = { shape: tokenAnswer, toError, traceOf }

// `field` as in `UnprocessableEntityError` of the SDK.
const errorBody = z.object({
  code: filledText,
  errors: decorative(z.array(z.object({ field: filledText }))),
})
const fieldsOfCaller = new Set<string | null>(['user_id', 'slug'])
const codes = new Set(['auth_method_mismatch', 'not_installed', 'needs_reauthorization', 'entity_not_found'])

function toError(answer: HttpAnswer): CodedError {
  const { code = null, errors = null } = errorBody.safeParse(answer.json).data ?? {}
  const facts = { code, codes, traceId: traceOf(answer) }
  const isOfCaller = errors?.some(({ field }) => fieldsOfCaller.has(field)) ?? false
  if (isOfCaller && (answer.status === 400 || answer.status === 422))
    return answerError('BAD_USER_INPUT', answer, facts, 'The platform does not accept the user id or the provider.')
  if (code === 'auth_method_mismatch') return answerError('UNSUPPORTED_CREDENTIAL', answer, facts)
  return statusError(answer, facts)
}

/** The error that was read out of an answer, whatever its status. */
function verdict(meaning: ErrorCode, answer: HttpAnswer, code?: unknown): CodedError {
  return answerError(meaning, answer, { code, codes, traceId: traceOf(answer) })
}

function traceOf(answer: HttpAnswer): string | undefined {
  return answer.header('x-request-id')
}
