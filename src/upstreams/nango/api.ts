/** The connections of Nango and their credentials: calls, shapes and errors (docs/platforms/nango.md, sections 2 to 5). */
import { z } from 'zod'
import {
  answerError,
  blameOf,
  checkPathSegment,
  CodedError,
  decorative,
  decorativeSecret,
  expiry,
  filledText,
  isUnreadable,
  listedScopes,
  metadata,
  optionalSecret,
  paginate,
  read,
  readAnswer,
  requiredSecret,
  rows,
  shareCalls,
  statusError,
  time,
  withDetails,
  withoutSecrets,
} from '../kit.ts'
import type { Call, ErrorCode, Http, HttpAnswer, Reading, Secret, UnreadableRow } from '../kit.ts'

/** Far below the maximum of 2000, whose answer would be too large. */
const PAGE_SIZE = 500
const MAX_PAGES = 20
/** Milliseconds: Nango does not try a failed refresh again earlier. */
const COOLDOWN_MS = 30_000
/** Milliseconds: `Retry-After` is cut to whole seconds, so that 0 means "in less than one". */
const SHORTEST_WAIT_MS = 1000

export interface NangoApi {
  /** One page of all connections, without credentials; `next` null: the last one. */
  page(
    page: number,
    call: Call,
  ): Promise<{
    readonly rows: readonly (Connection | UnreadableRow)[]
    readonly next: number | null
  }>
  /** Whose connection it is; null: it says nothing. */
  ownerOf(connection: Connection): string | null
  /** All connections of a user, without credentials. Callers at the same time share the calls. */
  connections(userId: string, call: Call): Promise<readonly (Connection | UnreadableRow)[]>
  /**
   * The credentials of a connection; null: it went away after it was listed. Rejects with UNSUPPORTED_CREDENTIAL where
   * they are no OAuth token, and with UPSTREAM_REJECTED where the key may not read them.
   */
  credentials(connection: Connection, call: Call, withRefreshToken?: boolean): Promise<OAuthCredentials | null>
}

/** `userTag` is the tag that holds the user id. */
export function openApi(http: Http, userTag: string): NangoApi {
  /** `userId` null: of every user. */
  async function readPage(userId: string | null, page: number, call: Call) {
    const query = [
      ...(userId === null ? [] : [[`tags[${userTag}]`, userId] as const]),
      ['limit', String(PAGE_SIZE)],
      ['page', String(page)],
    ] as const
    const plain = { operation: 'nango.connections', keys: 1, template: '/connections', query }
    const spec = userId === null ? plain : { ...plain, user: userId }
    const toError = (answer: HttpAnswer): CodedError => errorOfList(answer, userTag)
    const { connections } = await read(http, spec, { shape: connectionList, toError }, call)
    return { rows: connections, next: connections.length < PAGE_SIZE ? null : page + 1 }
  }

  async function readAll(userId: string, call: Call): Promise<readonly (Connection | UnreadableRow)[]> {
    const found = await paginate(0, (page) => readPage(userId, page, call), { maxPages: MAX_PAGES })
    // Whatever the filter did, only those of the user: a connection of another user would be a leak.
    return found.filter((row) => isUnreadable(row) || belongsTo(row, userId, userTag))
  }

  return {
    page: (page, call) => readPage(null, page, call),
    ownerOf({ tags: given, endUserId }) {
      const tag = given.get(userTag)
      return typeof tag === 'string' ? tag : userTag === 'end_user_id' ? endUserId : null
    },
    connections: shareCalls(readAll, (userId) => userId),
    async credentials({ id, integration }, call, withRefreshToken = false) {
      const answer = await http.request(
        {
          operation: 'nango.connection',
          keys: 1,
          template: '/connections/{connection_id}',
          params: { connection_id: checkConnectionId(id) },
          // Nango refreshes at the provider before it answers (docs/platforms/nango.md section 4). What it says of a
          // failed refresh (424) is about this connection.
          scope: integration,
          user: id,
          blame: blameOf(ofCredentials),
          query: [
            ['provider_config_key', integration],
            ...(withRefreshToken ? ([['refresh_token', 'true']] as const) : []),
          ],
        },
        call,
      )
      const found = readAnswer(answer, ofCredentials)
      if (found === null) return null
      if (found.connection_id !== id || found.provider_config_key !== integration)
        throw answerError('UPSTREAM_PROTOCOL_ERROR', answer)
      const { credentials } = found
      if (typeof credentials === 'string') throw new CodedError(credentials)
      return credentials
    },
  }
}

/** An id that fits no path is for the operator to rename, not for the caller: Nango takes any text. */
function checkConnectionId(id: string): string {
  try {
    return checkPathSegment(id, 'connection_id')
  } catch {
    const message = 'The platform gives the connection an id that this server does not put into a URL.'
    throw new CodedError('UPSTREAM_PROTOCOL_ERROR', message)
  }
}

const tags = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((given) => new Map(Object.entries(given ?? {})))

const connection = z
  .object({
    connection_id: z.string().min(1),
    provider_config_key: z.string().min(1),
    created: time,
    metadata,
    tags,
    // Only an error of a refresh is acted on.
    errors: decorative(z.array(z.looseObject({ type: z.unknown() }))),
    end_user: z.object({ id: z.string().nullish(), email: filledText, display_name: filledText }).nullish(),
  })
  .transform((row) => ({
    id: row.connection_id,
    integration: row.provider_config_key,
    createdAt: row.created,
    metadata: withoutSecrets(row.metadata),
    tags: row.tags,
    endUserId: row.end_user?.id ?? null,
    label:
      row.end_user?.display_name ??
      filled(row.tags.get('end_user_display_name')) ??
      row.end_user?.email ??
      filled(row.tags.get('end_user_email')),
    /** Nango could not refresh: to ask for the credentials would spend another attempt on a dead grant. */
    isBroken: row.errors?.some(({ type }) => type === 'auth') ?? false,
  }))

export type Connection = z.output<typeof connection>

// Required in `docs/spec.yaml` of Nango.
const connectionList = z.object({
  connections: rows(connection, {
    provider: z.object({ provider_config_key: z.string() }).transform((row) => row.provider_config_key),
    max: PAGE_SIZE,
  }),
})

function filled(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** Older connections have the `end_user` object in place of the tag. */
function belongsTo({ tags: given, endUserId }: Connection, userId: string, userTag: string): boolean {
  const tag = given.get(userTag)
  return tag === undefined ? userTag === 'end_user_id' && endUserId === userId : tag === userId
}

/** What an OAuth connection holds. */
export interface OAuthCredentials {
  readonly token: Secret
  readonly tokenSecret: Secret | null
  readonly idToken: Secret | null
  /** Whole Unix seconds. */
  readonly expiresAt: number | null
  readonly scopes: readonly string[] | null
  /** null unless it was asked for. */
  readonly refreshToken: Secret | null
}

// The provider's own answer, in whatever form it was.
const raw = decorative(z.object({ scope: listedScopes, id_token: decorativeSecret }))

// Client secrets and unknown members are dropped here.
const oauth2 = z
  .object({
    type: z.enum(['OAUTH2', 'APP']),
    access_token: requiredSecret,
    expires_at: expiry,
    refresh_token: decorativeSecret,
    raw,
  })
  .transform((given): OAuthCredentials => ({
    token: given.access_token,
    tokenSecret: null,
    idToken: given.raw?.id_token ?? null,
    expiresAt: given.expires_at,
    scopes: given.raw?.scope ?? null,
    refreshToken: given.refresh_token,
  }))

const oauth1 = z
  .object({ type: z.literal('OAUTH1'), oauth_token: requiredSecret, oauth_token_secret: optionalSecret })
  .transform(({ oauth_token: token, oauth_token_secret: tokenSecret }): OAuthCredentials => ({
    token,
    tokenSecret,
    idToken: null,
    expiresAt: null,
    scopes: null,
    refreshToken: null,
  }))

// An API key, a password, a machine's client credentials …
const unsupported = z
  .object({ type: z.string().refine((type) => !['OAUTH2', 'APP', 'OAUTH1'].includes(type)) })
  .transform(() => 'UNSUPPORTED_CREDENTIAL' as const)

// Empty credentials: the key may not read them.
const withheld = z.object({ type: z.undefined().optional() }).transform(() => 'UPSTREAM_REJECTED' as const)

const credentialsBody = z.object({
  connection_id: z.string(),
  provider_config_key: z.string(),
  credentials: z.union([oauth2, oauth1, unsupported, withheld]),
})

const ofCredentials: Reading<z.output<typeof credentialsBody> | null> = {
  shape: credentialsBody,
  valueIn(answer) {
    const code = errorOf(answer)?.code
    return answer.status === 404 && (code === 'not_found' || code === 'unknown_connection') ? null : undefined
  },
  toError,
}

const errorBody = z.object({
  error: z.object({
    code: z.string(),
    message: filledText,
    // Which parameter was refused, where one was (docs/platforms/nango.md section 5).
    errors: decorative(z.array(z.object({ path: z.array(z.unknown()) }))),
  }),
})

function errorOf(answer: HttpAnswer): z.output<typeof errorBody>['error'] | null {
  return errorBody.safeParse(answer.json).data?.error ?? null
}

const documented: ReadonlyMap<string, ErrorCode> = new Map([
  // Versions before tags refuse the filter as an unknown parameter.
  ['invalid_query_params', 'UPSTREAM_REJECTED'],
  // The id of a connection, as the list gave it.
  ['invalid_uri_params', 'UPSTREAM_REJECTED'],
  ['unknown_provider_config', 'PROVIDER_NOT_CONFIGURED'],
  ['invalid_credentials', 'REAUTHORIZATION_REQUIRED'],
  ['server_error', 'UPSTREAM_UNAVAILABLE'],
])

const codes = new Set([
  ...documented.keys(),
  'forbidden',
  'malformed_auth_header',
  'missing_auth_header',
  'not_found',
  'too_many_request',
  'unknown_account',
  'unknown_connection',
])

/** The list is asked for with the user id as the value of a tag: where that is named, the id is not accepted. */
function errorOfList(answer: HttpAnswer, userTag: string): CodedError {
  const error = errorOf(answer)
  const isOfUser = error?.errors?.some(({ path: [first, second] }) => first === 'tags' && second === userTag) ?? false
  return answer.status === 400 && error?.code === 'invalid_query_params' && isOfUser
    ? answerError('BAD_USER_INPUT', answer, { code: error.code, codes }, 'The platform does not accept the user id.')
    : toError(answer)
}

function toError(answer: HttpAnswer): CodedError {
  const error = errorOf(answer)
  const facts = { code: error?.code, codes }
  if (answer.status === 429) {
    const limited = statusError(answer, facts)
    const { retry_after_ms: asked = 0 } = limited.extensions
    return withDetails(limited, { retry_after_ms: Math.max(asked, SHORTEST_WAIT_MS) })
  }
  // Every failed refresh has the same code: only the status and the words tell which failure it was.
  if (answer.status === 424 && /backing off/i.test(error?.message ?? ''))
    return withDetails(answerError('UPSTREAM_UNAVAILABLE', answer, facts), { retry_after_ms: COOLDOWN_MS })
  if (answer.status === 424) return answerError('REAUTHORIZATION_REQUIRED', answer, facts)
  const code = answer.status < 500 && answer.status !== 401 ? documented.get(error?.code ?? '') : undefined
  return code === undefined ? statusError(answer, facts) : answerError(code, answer, facts)
}
