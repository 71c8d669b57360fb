/** `GET /connections?tags[…]=…`: every connection of a user in one call, without credentials. */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import { shareCalls } from '../../lib/singleflight.ts'
import { checkId } from '../../tokens/ids.ts'
import { withoutSecrets } from '../kit.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import type { Call } from '../platform.ts'
import { filledText, isoSeconds, metadata } from '../shapes.ts'
import { nangoError, shapeError } from './errors.ts'

/** Far below the maximum of 2000, whose answer would be too large. */
const PAGE_SIZE = 500
const MAX_PAGES = 20

const tags = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((given) => new Map(Object.entries(given ?? {})))

const connection = z
  .object({
    connection_id: z.string().min(1),
    provider_config_key: z.string().min(1),
    created: isoSeconds,
    metadata,
    tags,
    errors: z
      .array(z.object({ type: z.string() }))
      .nullish()
      .transform((errors) => errors ?? []),
    end_user: z.object({ id: filledText, email: filledText, display_name: filledText }).nullish(),
  })
  .transform(({ connection_id, provider_config_key, created, errors, end_user, ...rest }) => ({
    connection_id,
    integration: provider_config_key,
    created_at: created,
    metadata: withoutSecrets(rest.metadata),
    tags: rest.tags,
    end_user_id: end_user?.id ?? null,
    label:
      end_user?.display_name ??
      filled(rest.tags.get('end_user_display_name')) ??
      end_user?.email ??
      filled(rest.tags.get('end_user_email')),
    /** Nango could not refresh: to ask for the credentials would spend another attempt on a dead grant. */
    isBroken: errors.some(({ type }) => type === 'auth'),
  }))

const list = z.object({ connections: z.array(connection).max(PAGE_SIZE) })

export type Connection = z.output<typeof connection>

/** All connections of a user; one call at a time for each user, whichever provider it is for. */
export type ListConnections = (user_id: string, call: Call) => Promise<readonly Connection[]>

/** `user_tag` is the tag that holds the user id. */
export function openConnections(http: Http, upstream: string, user_tag: string): ListConnections {
  async function readPage(user_id: string, page: number, call: Call): Promise<readonly Connection[]> {
    const answer = await http.request(
      {
        operation: 'nango.connections',
        keys: 1,
        template: '/connections',
        query: [
          [`tags[${user_tag}]`, checkId(user_id, 'user_id')],
          ['limit', String(PAGE_SIZE)],
          ['page', String(page)],
        ],
      },
      call,
    )
    return readList(answer, upstream)
  }

  async function readAll(user_id: string, call: Call): Promise<readonly Connection[]> {
    const found: Connection[] = []
    for (let page = 0; page < MAX_PAGES; page++) {
      const connections = await readPage(user_id, page, call)
      // The user's own alone, whatever the filter did: a connection of somebody else would be a leak.
      found.push(...connections.filter((each) => belongsTo(each, user_id, user_tag)))
      if (connections.length < PAGE_SIZE) return found
    }
    throw new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream })
  }

  const ask = shareCalls<string, readonly Connection[]>({ kind: 'one', one: readAll }, (user_id) => user_id)
  return async (user_id, call) => (await ask([user_id], call)[0]) ?? []
}

/** Older connections have the `end_user` object in place of the tag. */
function belongsTo({ tags, end_user_id }: Connection, user_id: string, user_tag: string): boolean {
  const tag = tags.get(user_tag)
  return tag === undefined ? user_tag === 'end_user_id' && end_user_id === user_id : tag === user_id
}

function readList(answer: HttpAnswer, upstream: string): readonly Connection[] {
  if (answer.status >= 300) throw nangoError(answer, upstream)
  const parsed = list.safeParse(answer.json)
  if (!parsed.success) throw shapeError(answer, upstream)
  return parsed.data.connections
}

function filled(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
