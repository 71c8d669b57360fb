/** `connection_events`: what happened to accounts, for applications that take no webhook (docs/events.md). */
import { badUserInput, CodedError } from '../errors.ts'
import type { EventPage } from '../tokens/keeper.ts'
import type { AccountEvent } from '../tokens/types.ts'
import { builder } from './builder.ts'
import type { GraphContext } from './graph-context.ts'
import { authorizeAccounts, MAX_LIST_LENGTH, providerId, requireAuthenticated } from './fields.ts'

const EventRef = builder.objectRef<AccountEvent>('ConnectionEvent').implement({
  description: 'Something that happened to a connected account. It holds no secret.',
  fields: (t) => ({
    id: t.exposeID('id', { nullable: false, description: 'The same as `webhook-id` of its delivery.' }),
    type: t.exposeString('type', {
      nullable: false,
      description: 'As `CREATED`, `RECONNECTED` or `REAUTHORIZATION_REQUIRED`; the list may grow.',
    }),
    user_id: t.exposeID('user_id', { nullable: false, description: 'Whose account it is.' }),
    provider: t.string({
      nullable: false,
      description: 'The provider, as `oauth_google`.',
      resolve: ({ provider }) => providerId(provider),
    }),
    external_account_id: t.exposeID('external_account_id', { nullable: false, description: 'The account.' }),
    generation: t.exposeInt('generation', {
      nullable: false,
      description: 'Counts the tokens of the account: one event of a type for each.',
    }),
    reason: t.exposeString('reason', { description: 'A short code, where there is one.' }),
    created_at: t.field({
      type: 'UnixTimestamp',
      nullable: false,
      description: 'When it happened.',
      resolve: ({ created_at_ms: ms }) => Math.floor(ms / 1000),
    }),
  }),
})

const PageRef = builder.objectRef<EventPage>('ConnectionEventPage').implement({
  description: 'A part of the list of events, oldest first.',
  fields: (t) => ({
    events: t.field({
      type: [EventRef],
      nullable: { list: false, items: false },
      description: 'Those that the caller may know of: a page may have fewer than were asked for, or none.',
      directives: { listSize: { assumedSize: MAX_LIST_LENGTH } },
      resolve: ({ events }) => events,
    }),
    cursor: t.exposeString('cursor', {
      description: 'What `after` is next, also where there are no more events yet; null before the first one.',
    }),
    has_more: t.exposeBoolean('hasMore', { nullable: false, description: 'Whether there is more now.' }),
  }),
})

builder.queryField('connection_events', (t) =>
  t.field({
    type: PageRef,
    nullable: false,
    description:
      'What happened to connections, oldest first, by cursor: the same events as the webhook. A user sees their own.',
    directives: { authenticated: {}, cost: { weight: 20 } },
    args: {
      after: t.arg.string({ description: 'The `cursor` of the page before; left out: from the first.' }),
      first: t.arg.int({ defaultValue: MAX_LIST_LENGTH, description: `At most ${String(MAX_LIST_LENGTH)}.` }),
      upstream: t.arg.string({ description: 'The vault whose events these are; needed where there are several.' }),
    },
    resolve: (_, { after, first, upstream }, context) => {
      requireAuthenticated(context)
      const length = first ?? MAX_LIST_LENGTH
      if (length < 1 || length > MAX_LIST_LENGTH)
        throw badUserInput(`first must be from 1 to ${String(MAX_LIST_LENGTH)}.`)
      return readEvents(context, chooseKeeper(context, upstream ?? null), after ?? null, length)
    },
  }),
)

async function readEvents(
  context: GraphContext,
  { keeper, names }: GraphContext['keepers'][number],
  after: string | null,
  first: number,
): Promise<EventPage> {
  const { viewer } = context
  const userId = viewer.kind === 'user' ? viewer.userId : null
  if (userId !== null) authorizeAccounts(context, userId)
  context.load.consume()
  const page = await context.load.within(keeper.events(after, first, userId))
  const events = page.events.flatMap((event) => names(event.provider).map((provider) => ({ ...event, provider })))
  return { ...page, events: events.filter((event) => mayKnow(context, event)) }
}

function chooseKeeper({ keepers }: GraphContext, upstream: string | null): GraphContext['keepers'][number] {
  const [only, ...others] = upstream === null ? keepers : keepers.filter((each) => each.upstream === upstream)
  if (only === undefined) throw new CodedError('CONNECT_NOT_SUPPORTED')
  if (others.length > 0)
    throw badUserInput(`upstream is needed: one of ${keepers.map((each) => each.upstream).join(', ')}.`)
  return only
}

function mayKnow({ access, audit }: GraphContext, { user_id: subject, provider }: AccountEvent): boolean {
  const decision = access.decide(subject, provider, 'metadata')
  if (decision.allowed) audit.record({ subject, provider }, decision)
  return decision.allowed
}
