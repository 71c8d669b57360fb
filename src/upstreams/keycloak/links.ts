/** `GET /admin/…/federated-identity`: what a user has linked, without tokens; for a client with `view-users`. */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import type { ExternalAccount } from '../../tokens/types.ts'
import { linkedProviders } from '../kit.ts'
import type { LinkedProviders } from '../kit.ts'
import type { Http, HttpAnswer } from '../http/client.ts'
import { answerError, statusError } from '../http/errors.ts'
import type { One } from '../platform.ts'
import { filledText } from '../shapes.ts'
import { accountId } from './realm.ts'

const link = z.object({ identityProvider: z.string().min(1), userId: z.string(), userName: filledText })
const links = z.array(link).max(1000)

export type Link = z.output<typeof link>

/** Rejects with USER_NOT_FOUND where the realm does not know the user. */
export function openLinks(http: Http, upstream: string, realm: string): LinkedProviders<Link> {
  return linkedProviders(async (user_id, call) => {
    const answer = await http.request(
      {
        operation: 'keycloak.federated_identity',
        keys: 1,
        template: '/admin/realms/{realm}/users/{user_id}/federated-identity',
        params: { realm, user_id },
      },
      call,
    )
    return readLinks(answer, upstream)
  })
}

function readLinks(answer: HttpAnswer, upstream: string): readonly Link[] {
  if (answer.status === 404 && answer.json !== undefined) throw answerError('USER_NOT_FOUND', answer, { upstream })
  if (answer.status >= 300) throw statusError(answer, { upstream })
  const parsed = links.safeParse(answer.json)
  if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
  return parsed.data
}

/** The fetcher for accounts; null for a user that the realm does not know. */
export function accountsFetcher(directory: LinkedProviders<Link>): One<string, readonly ExternalAccount[]> {
  return {
    kind: 'one',
    async one(user_id, call) {
      try {
        return (await directory.list(user_id, call)).map(toAccount)
      } catch (error) {
        if (error instanceof CodedError && error.code === 'USER_NOT_FOUND') return null
        throw error
      }
    },
  }
}

function toAccount({ identityProvider, userId, userName }: Link): ExternalAccount {
  return {
    id: accountId(identityProvider, userId),
    provider: identityProvider,
    provider_user_id: userId,
    email_address: null,
    username: userName,
    first_name: null,
    last_name: null,
    image_url: null,
    label: userName,
    approved_scopes: null,
    public_metadata: {},
    created_at: null,
    updated_at: null,
  }
}
