/** `start_connection`, `finish_connection` and `connection_request`: how a user connects an account (docs/connect.md). */
import { badUserInput, CodedError } from '../errors.ts'
import { checkAccountId, checkId, checkProvider } from '../tokens/ids.ts'
import type {
  ConnectionRequest,
  ConnectionStatus,
  ConnectionWarning,
  Connector,
  FinishedConnection,
  StartedConnection,
} from '../tokens/keeper.ts'
import { builder } from './builder.ts'
import type { GraphContext } from './graph-context.ts'
import { ExternalAccountRef, readAccounts } from './external-account.ts'
import { authorizeChange, checkListLength, providerId, requireAuthenticated, subjectOf } from './fields.ts'

const RequestStatus = builder.enumType('ConnectionRequestStatus', {
  description: 'How far a connection has come.',
  values: {
    PENDING: { description: 'The browser has not come back from the provider.' },
    RETURNED: { description: 'It has; `finish_connection` keeps the account.' },
    FINISHED: { description: 'The account is kept.' },
    DENIED: { description: 'The user refused.' },
    FAILED: { description: 'The provider refused, or a check did; `error_code` says what.' },
    EXPIRED: { description: 'It took too long: ten minutes at the provider, one minute after it.' },
  } satisfies Record<ConnectionStatus, object>,
})

const FinishStatus = builder.enumType('FinishConnectionStatus', {
  description: 'What came of a connection. The list may grow.',
  values: {
    CONNECTED: { description: 'The account is kept, and its tokens can be read.' },
    PENDING: { description: 'The browser has not come back from the provider.' },
    DENIED: { description: 'The user refused.' },
    EXPIRED: { description: 'It took too long: begin again.' },
    REFUSED: { description: 'The provider refused, or a check did: begin again; `error_code` says what.' },
    DIFFERENT_ACCOUNT: {
      description: 'The user came back with another account of the provider than the one to be connected again.',
    },
    OWNED_BY_ANOTHER_USER: { description: 'The account of the provider is connected to another user.' },
  } satisfies Record<FinishedConnection['status'], object>,
})

const Warning = builder.enumType('ConnectionWarning', {
  description: 'What will be missed later. The list may grow.',
  values: {
    NO_REFRESH_TOKEN: { description: 'The provider gave no refresh token: consent is needed when the token ends.' },
    IDENTITY_UNKNOWN: {
      description: 'The provider does not say whose account it is: another account cannot be told from it.',
    },
  } satisfies Record<ConnectionWarning, object>,
})

const StartInput = builder.inputType('StartConnectionInput', {
  description: 'Whose account is connected, where, and how the browser comes back.',
  fields: (t) => ({
    provider: t.string({ required: true, description: 'The provider, as `oauth_google` or `google`.' }),
    user_id: t.id({ description: 'Whose account it becomes: for services; a user connects their own.' }),
    scopes: t.stringList({ description: 'Beside those of the configuration, and those that the account has.' }),
    external_account_id: t.id({
      description: 'The account to connect again, or to get more scopes for; it keeps its id.',
    }),
    return_to: t.string({
      required: true,
      description: 'Where the browser comes back to: one of the configured addresses, to the letter.',
    }),
    code_challenge: t.string({
      required: true,
      description: 'The S256 challenge (RFC 7636) of a verifier that stays in the session of the application.',
    }),
    login_hint: t.string({ description: 'The address or name that the provider may suggest.' }),
  }),
})

const FinishInput = builder.inputType('FinishConnectionInput', {
  description: 'What proves that the caller is who began.',
  fields: (t) => ({
    connection_request_id: t.id({ required: true, description: 'As `start_connection` gave it.' }),
    completion_code: t.string({ required: true, description: 'As the browser brought it back to `return_to`.' }),
    code_verifier: t.string({ required: true, description: 'What `code_challenge` was made of.' }),
    allow_different_account: t.boolean({
      defaultValue: false,
      description: 'Whether a connection that is made again may bring another account of the provider.',
    }),
  }),
})

const StartPayload = builder.objectRef<StartedConnection>('StartConnectionPayload').implement({
  description: 'A connection that has begun.',
  fields: (t) => ({
    connection_request_id: t.exposeID('id', { nullable: false, description: 'Names the connection until its end.' }),
    authorization_url: t.exposeString('authorizationUrl', {
      nullable: false,
      description: "What the user's browser opens.",
    }),
    expires_at: t.field({
      type: 'UnixTimestamp',
      nullable: false,
      description: 'Until when the browser may come back.',
      resolve: ({ expiresAt }) => expiresAt,
    }),
  }),
})

/** A finish, and whose it was. */
interface Finished extends FinishedConnection {
  readonly userId: string
  /** The bare name. */
  readonly provider: string
}

const FinishPayload = builder.objectRef<Finished>('FinishConnectionPayload').implement({
  description: 'What came of a connection: expected outcomes are data, and no errors.',
  fields: (t) => ({
    status: t.expose('status', { type: FinishStatus, nullable: false, description: 'What came of it.' }),
    account: t.field({
      type: ExternalAccountRef,
      description: 'The account that is kept; null unless the status is `CONNECTED`.',
      resolve: async ({ externalAccountId, userId, provider }, _, context) => {
        if (externalAccountId === null) return null
        const accounts = await readAccounts(context, userId)
        return accounts.find((account) => account.id === externalAccountId && account.provider === provider) ?? null
      },
    }),
    missing_scopes: t.exposeStringList('missingScopes', {
      nullable: false,
      description: 'Scopes that were asked for and not granted.',
    }),
    warnings: t.field({
      type: [Warning],
      nullable: { list: false, items: false },
      description: 'What will be missed later.',
      resolve: ({ warnings }) => warnings,
    }),
    error_code: t.exposeString('code', { description: 'A short code behind `REFUSED` or `DENIED`, for logs.' }),
  }),
})

const RequestRef = builder.objectRef<ConnectionRequest>('ConnectionRequest').implement({
  description: 'A connection that has begun, and how far it has come.',
  fields: (t) => ({
    id: t.exposeID('id', { nullable: false, description: 'As `start_connection` gave it.' }),
    provider: t.string({
      nullable: false,
      description: 'The provider, as `oauth_google`.',
      resolve: ({ provider }) => providerId(provider),
    }),
    status: t.expose('status', { type: RequestStatus, nullable: false, description: 'How far it has come.' }),
    error_code: t.exposeString('code', { description: 'A short code behind `DENIED` or `FAILED`, for logs.' }),
    expires_at: t.field({
      type: 'UnixTimestamp',
      nullable: false,
      description: 'Until when the browser may come back.',
      resolve: ({ expiresAt }) => expiresAt,
    }),
  }),
})

builder.mutationFields((t) => ({
  start_connection: t.field({
    type: StartPayload,
    nullable: false,
    description: "Begins connecting an account; the user's browser then opens `authorization_url`.",
    directives: { authenticated: {}, cost: { weight: 10 } },
    args: { input: t.arg({ type: StartInput, required: true, description: 'Whose account, and where.' }) },
    resolve: async (_, { input }, context) => {
      const subject = subjectOf(context, input.user_id)
      const provider = checkProvider(input.provider)
      const account = input.external_account_id
      const externalAccountId = account == null ? null : checkAccountId(account, 'external_account_id')
      checkListLength(input.scopes ?? [], 'scopes')
      for (const scope of input.scopes ?? []) checkScope(scope)
      await authorizeChange(context, { subject, provider, account: externalAccountId }, 'start_connection')
      const { connector, name } = connectorFor(context, provider)
      const started = connector.start({
        ...{ userId: subject, provider: name, externalAccountId, scopes: input.scopes ?? null },
        ...{ returnTo: input.return_to, codeChallenge: input.code_challenge },
        loginHint: input.login_hint == null ? null : checkId(input.login_hint, 'login_hint'),
      })
      return context.load.within(started)
    },
  }),
  finish_connection: t.field({
    type: FinishPayload,
    nullable: false,
    description:
      'Ends it, for the same user who began: only now is the code exchanged and the account kept. Asking twice gives the same answer.',
    directives: { authenticated: {}, cost: { weight: 10 } },
    args: { input: t.arg({ type: FinishInput, required: true, description: 'What the browser brought back.' }) },
    resolve: async (_, { input }, context) => {
      const id = checkId(input.connection_request_id, 'connection_request_id')
      const found = await findRequest(context, id)
      if (found === null) throw badUserInput('connection_request_id is no connection request of this user.')
      const { request, connector } = found
      const { userId, provider } = request
      await authorizeChange(context, { subject: userId, provider, account: null }, 'finish_connection')
      // A provider that is slow: asking again gives what it came to.
      const finished = await context.load.within(
        connector.finish({
          ...{ id, completionCode: input.completion_code, codeVerifier: input.code_verifier },
          allowsDifferentAccount: input.allow_different_account ?? false,
        }),
      )
      return { ...finished, userId, provider }
    },
  }),
}))

builder.queryField('connection_request', (t) =>
  t.field({
    type: RequestRef,
    description: 'How far a connection has come; null where there is none of this id, or it is not the caller’s.',
    directives: { authenticated: {}, cost: { weight: 5 } },
    args: { id: t.arg.id({ required: true, description: 'As `start_connection` gave it.' }) },
    resolve: async (_, { id }, context) => {
      requireAuthenticated(context)
      return (await findRequest(context, checkId(id, 'id')))?.request ?? null
    },
  }),
)

interface Found {
  readonly request: ConnectionRequest
  readonly connector: Connector
}

/** Null: there is none, or the viewer has no right to it. The two look alike. */
async function findRequest(context: GraphContext, id: string): Promise<Found | null> {
  requireAuthenticated(context)
  context.load.consume()
  for (const { keeper, names } of context.keepers) {
    const { connector } = keeper
    const request = connector === null ? null : await context.load.within(connector.find(id))
    if (request === null || connector === null) continue
    const [provider = request.provider] = names(request.provider)
    const decision = context.access.decideChange(request.userId, provider)
    if (decision.allowed) return { request: { ...request, provider }, connector }
    context.audit.recordChange({ subject: request.userId, provider, account: null }, 'finish_connection', decision)
  }
  return null
}

function connectorFor({ keeperOf }: GraphContext, provider: string): { connector: Connector; name: string } {
  const { keeper, name } = keeperOf(provider)
  if (keeper.connector === null)
    throw new CodedError('CONNECT_NOT_SUPPORTED', undefined, { provider: providerId(provider) })
  return { connector: keeper.connector, name }
}

// RFC 6749 section 3.3.
const scopeForm = /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/

function checkScope(scope: string): void {
  if (!scopeForm.test(scope)) throw badUserInput('scopes must be of printable ASCII without spaces.')
}
