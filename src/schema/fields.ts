/** What several fields share: arguments with their checks, the decision about access, and the scalars. */
import { getDirectiveValues, GraphQLIncludeDirective, GraphQLSkipDirective, Kind } from 'graphql'
import type { GraphQLResolveInfo, SelectionNode } from 'graphql'
import { fieldSet, secretsIn } from '../audit/trail.ts'
import type { FieldSet } from '../audit/trail.ts'
import { allowOrThrow } from '../auth/policy.ts'
import type { Change, Decision } from '../auth/policy.ts'
import { badUserInput, CodedError } from '../errors.ts'
import { checkAccountId, checkId, checkProvider, wireProvider } from '../tokens/ids.ts'
import type { SecretField, SubjectToken, TokenRequest } from '../tokens/types.ts'
import { builder } from './builder.ts'
import type { GraphContext } from './graph-context.ts'

/** Longer lists are refused: one request must not become an unbounded number of upstream calls. */
export const MAX_LIST_LENGTH = 100

/** Seconds a token must still live, unless the caller says otherwise: enough to use it. */
const DEFAULT_MIN_VALIDITY_SECONDS = 60

// A year: no access token is asked to live longer, and sums stay far from unsafe integers.
const MAX_MIN_VALIDITY_SECONDS = 31_536_000

/** The arguments of every field that reads access tokens, made anew for each field as Pothos requires. */
export const tokenArguments = builder.args((t) => ({
  provider: t.string({
    required: true,
    description: 'The provider, as `oauth_google` or `google`; custom providers as `oauth_custom_<slug>`.',
  }),
  external_account_id: t.id({ description: 'Only the token of this connected account.' }),
  min_validity_seconds: t.int({
    defaultValue: DEFAULT_MIN_VALIDITY_SECONDS,
    description:
      'Seconds that the token must still live. Stored tokens that expire sooner count as expired. A platform that refreshes by itself is asked for a current token; what it then answers is handed out with its true `expires_at`, however short.',
  }),
}))

export interface TokenArguments {
  readonly provider: string
  readonly external_account_id?: string | null | undefined
  readonly min_validity_seconds?: number | null | undefined
}

/** The request for all accounts at a provider whose name was checked, or given by a platform: the bare name. */
export function requestAt(userId: string, provider: string): TokenRequest {
  return { userId, provider, externalAccountId: null, minValiditySeconds: DEFAULT_MIN_VALIDITY_SECONDS }
}

/** Constant arguments that were checked: a plan passes the same frozen object for a hundred users. */
const checkedArguments = new WeakMap<TokenArguments, Omit<TokenRequest, 'userId'>>()

/** The checked request; throws BAD_USER_INPUT that names the argument. */
export function toTokenRequest(userId: string, args: TokenArguments): TokenRequest {
  let checked = Object.isFrozen(args) ? checkedArguments.get(args) : undefined
  if (checked === undefined) {
    checked = checkArguments(args)
    if (Object.isFrozen(args)) checkedArguments.set(args, checked)
  }
  const { provider, externalAccountId, minValiditySeconds } = checked
  return { userId, provider, externalAccountId, minValiditySeconds }
}

function checkArguments(args: TokenArguments): Omit<TokenRequest, 'userId'> {
  const minValiditySeconds = args.min_validity_seconds ?? DEFAULT_MIN_VALIDITY_SECONDS
  if (minValiditySeconds < 0 || minValiditySeconds > MAX_MIN_VALIDITY_SECONDS)
    throw badUserInput(`min_validity_seconds must be from 0 to ${String(MAX_MIN_VALIDITY_SECONDS)} seconds.`)
  return {
    provider: checkProvider(args.provider),
    externalAccountId:
      args.external_account_id == null ? null : checkAccountId(args.external_account_id, 'external_account_id'),
    minValiditySeconds,
  }
}

/** Stands for every provider that is not listed. */
export const EVERY_OTHER = '*'

/** The name of a provider on the wire, or `*`. */
export function providerId(bare: string): string {
  return bare === EVERY_OTHER ? bare : wireProvider(bare)
}

/** Throws BAD_USER_INPUT that names the argument when the list is too long. */
export function checkListLength(list: readonly unknown[], argument: string): void {
  if (list.length > MAX_LIST_LENGTH)
    throw badUserInput(
      `${argument} has ${String(list.length)} entries; at most ${String(MAX_LIST_LENGTH)} are allowed. Ask in several requests.`,
    )
}

/** Lists whose items fail one by one: a rejection keeps the place of its item, which is null in the answer. */
export function isolate<T, R>(items: readonly T[], resolve: (item: T, position: number) => R): (R | Promise<never>)[] {
  return items.map((item, position) => {
    try {
      return resolve(item, position)
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error('not an Error', { cause: error }))
    }
  })
}

/**
 * Whether a field of this name is selected on the objects that the present field returns; skipped ones are not. For
 * object types alone: every fragment on one applies (GraphQL specification, section 5.5.2.3).
 */
export function selects({ fieldNodes, fragments, variableValues }: GraphQLResolveInfo, name: string): boolean {
  const isIncluded = (node: SelectionNode): boolean =>
    getDirectiveValues(GraphQLSkipDirective, node, variableValues)?.if !== true &&
    getDirectiveValues(GraphQLIncludeDirective, node, variableValues)?.if !== false

  function isSelected(node: SelectionNode): boolean {
    if (!isIncluded(node)) return false
    if (node.kind === Kind.FIELD) return node.name.value === name
    const selectionSet =
      node.kind === Kind.INLINE_FRAGMENT ? node.selectionSet : fragments[node.name.value]?.selectionSet
    return selectionSet?.selections.some(isSelected) ?? false
  }

  return fieldNodes.some(({ selectionSet }) => selectionSet?.selections.some(isSelected) ?? false)
}

/**
 * Refuses the metadata of a subject at a provider where access does not allow it; call it before any upstream is asked.
 * Every decision goes to the audit (docs/promises.md S13).
 */
export function authorize({ access, audit }: GraphContext, subject: string, provider: string): void {
  const decision = access.decide(subject, provider, 'metadata')
  audit.record({ subject, provider }, decision)
  allowOrThrow(decision)
}

/** Refuses a secret of a token where access does not allow it, and records that it leaves where it does. */
export function authorizeSecret({ access, audit }: GraphContext, token: SubjectToken, field: SecretField): void {
  const decision = access.decide(token.subject, token.token.provider, field)
  audit.recordToken(token, fieldSet(field), decision)
  allowOrThrow(decision)
}

/**
 * The same for several secrets of one token at once. False, with nothing recorded, where one of them is refused: then
 * each is decided by itself.
 */
export function authorizeSecrets({ access, audit }: GraphContext, token: SubjectToken, secrets: FieldSet): boolean {
  let decision: Decision | null = null
  for (const field of secretsIn(secrets)) {
    const next = access.decide(token.subject, token.token.provider, field)
    if (!next.allowed || (decision !== null && decision.reason !== next.reason)) return false
    decision = next
  }
  if (decision !== null) audit.recordToken(token, secrets, decision)
  return true
}

/** At which providers the viewer may know of the subject's accounts; refuses when at none. */
export function authorizeAccounts({ access, audit }: GraphContext, subject: string): 'all' | ReadonlySet<string> {
  const decision = access.decideAccounts(subject)
  audit.record({ subject, provider: '*' }, decision)
  allowOrThrow(decision)
  return access.readableProviders(subject)
}

/** Whose account an argument names: a user's own where it is left out. Throws BAD_USER_INPUT. */
export function subjectOf(context: GraphContext, userId: string | null | undefined): string {
  requireAuthenticated(context)
  const { viewer } = context
  if (userId != null) return checkId(userId, 'user_id')
  if (viewer.kind !== 'user') throw badUserInput('user_id is missing: a service says whose account it is.')
  return viewer.userId
}

/**
 * Refuses a change where access does not allow it. The decision is kept in the audit before anything changes, and a
 * change counts as a key of the caller's allowance.
 */
export async function authorizeChange(
  { access, audit, load }: GraphContext,
  of: { readonly subject: string; readonly provider: string; readonly account: string | null },
  change: Change,
): Promise<void> {
  const decision = access.decideChange(of.subject, of.provider)
  audit.recordChange(of, change, decision)
  if (!decision.allowed && decision.code === 'FORBIDDEN')
    throw new CodedError('FORBIDDEN', 'The caller may not change this.')
  allowOrThrow(decision)
  load.consume()
  await audit.commit()
}

/** What `@authenticated` announces. */
export function requireAuthenticated({ viewer, audit }: GraphContext): void {
  if (viewer.kind !== 'anonymous') return
  const decision: Decision = { allowed: false, code: 'UNAUTHENTICATED', reason: 'anonymous' }
  audit.record({ subject: null, provider: null }, decision)
  allowOrThrow(decision)
}

// Scalars beyond the built-in ones; both carry `@specifiedBy`.

builder.scalarType('JSON', {
  description:
    'A JSON object of any depth (ECMA-404). Keys that could reach a prototype (`__proto__`, `constructor`, `prototype`) are left out.',
  specifiedByURL: 'https://ecma-international.org/publications-and-standards/standards/ecma-404/',
  // Made safe where the answer of a platform becomes tokens and accounts (`tokens/select.ts`, `tokens/accounts.ts`).
  serialize: (value) => value,
  parseValue: refuseInput,
})

builder.scalarType('UnixTimestamp', {
  description: 'Whole seconds since 1970-01-01T00:00:00Z; an integer that may exceed 32 bits.',
  specifiedByURL: 'https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap04.html#tag_04_19',
  serialize: (value) => {
    if (!Number.isSafeInteger(value)) throw new TypeError('UnixTimestamp must be a whole number of seconds')
    return value
  },
  parseValue: refuseInput,
})

function refuseInput(): never {
  throw new TypeError('This scalar is for output only.')
}
