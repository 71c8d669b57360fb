/** `GET /admin/identities?ids=…`: up to 500 users in one call, in any order, unknown ones left out. */
import { CodedError } from '../../errors.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import type { Call } from '../platform.ts'
import { checkUuid, splitOnFailure } from '../kit.ts'
import { kratosError, shapeError } from './errors.ts'
import { identity, identityId, identityList, type Identity } from './shapes.ts'

export interface IdentitiesOptions {
  readonly http: Http
  readonly upstream: string
  /** How many ids go into one call. */
  readonly batch_size: number
}

export interface Identities {
  /**
   * By the ids as they were given; a user that Kratos does not know is absent, a user whose id or answer is bad is an
   * Error of its own. `secrets`: whether the stored tokens are read, or only what is linked.
   */
  read(
    user_ids: readonly string[],
    reading: { readonly secrets: boolean },
    call: Call,
  ): Promise<ReadonlyMap<string, Identity | Error>>
}

export function openIdentities({ http, upstream, batch_size }: IdentitiesOptions): Identities {
  async function ask(ids: readonly string[], secrets: boolean, call: Call) {
    const answer = await http.request(
      {
        operation: secrets ? 'kratos.identities.tokens' : 'kratos.identities',
        keys: ids.length,
        template: '/admin/identities',
        query: [
          ...ids.map((id) => ['ids', id] as const),
          ...(secrets ? [['include_credential', 'oidc'] as const] : []),
        ],
      },
      call,
    )
    return readIdentities(answer, new Set(ids), upstream)
  }

  return {
    async read(user_ids, { secrets }, call) {
      const found = new Map<string, Identity | Error>()
      const asked = new Map<string, string>()
      for (const user_id of user_ids) {
        try {
          asked.set(user_id, checkUuid(user_id, 'user_id'))
        } catch (error) {
          if (!(error instanceof CodedError)) throw error
          found.set(user_id, error)
        }
      }
      const ids = [...new Set(asked.values())]
      const parts = Array.from({ length: Math.ceil(ids.length / batch_size) }, (_, n) =>
        splitOnFailure(
          ids.slice(n * batch_size, (n + 1) * batch_size),
          (part) => ask(part, secrets, call),
          isDivisible,
        ),
      )
      const identities = new Map((await Promise.all(parts)).flatMap((part) => [...part]))
      for (const [user_id, id] of asked) {
        const value = identities.get(id)
        if (value !== undefined) found.set(user_id, value)
      }
      return found
    },
  }
}

/** Whether fewer ids may succeed: one malformed id fails the batch, and a URL or a body may be too long. */
function isDivisible(error: unknown): boolean {
  if (!(error instanceof CodedError)) return false
  const { upstream_status } = error.extensions
  const cause = error.cause instanceof Error ? error.cause.message : ''
  return [400, 413, 414, 431].includes(upstream_status ?? 0) || cause === 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
}

/** What the answer says of the users that were asked for; one bad identity fails alone. */
function readIdentities(answer: HttpAnswer, asked: ReadonlySet<string>, upstream: string) {
  if (answer.status >= 300) throw kratosError(answer, upstream)
  const parsed = identityList.safeParse(answer.json)
  if (!parsed.success) throw shapeError(answer, upstream)
  const found = new Map<string, Identity | Error>()
  let nameless = false
  for (const item of parsed.data) {
    const id = identityId.safeParse(item).data?.id.toLowerCase()
    nameless ||= id === undefined
    if (id !== undefined && asked.has(id)) found.set(id, identity.safeParse(item).data ?? shapeError(answer, upstream))
  }
  // A row without an id may be any of those that are missing: to call them unknown would be a guess.
  if (nameless) for (const id of asked) if (!found.has(id)) found.set(id, shapeError(answer, upstream))
  return found
}
