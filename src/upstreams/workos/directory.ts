/** `GET /user_management/users/{user_id}/data_providers`: every provider of a user in one call, without tokens. */
import { z } from 'zod'
import type { HttpAnswer } from '../http/client.ts'
import type { Call } from '../platform.ts'
import { linkedProviders } from '../kit.ts'
import type { LinkedProviders } from '../kit.ts'
import { isoSeconds } from '../shapes.ts'
import { workosError, workosVerdict } from './errors.ts'
import type { WorkosScope } from './scope.ts'

const connectedAccount = z.object({
  id: z.string().min(1),
  scopes: z.array(z.string()).nullish(),
  // A later state is none of those that the code acts on.
  state: z.string().nullish(),
  created_at: isoSeconds,
  updated_at: isoSeconds,
})

const dataProvider = z.object({ slug: z.string().min(1), connected_account: connectedAccount.nullish() })
const list = z.object({ data: z.array(dataProvider).max(1000) })

/** A provider of the environment, and the user's connection where there is one. */
export type DataProvider = z.output<typeof dataProvider>

/** Rejects with USER_NOT_FOUND where the user (or the organization) is not known. */
export function openDirectory({ http, upstream, organization_id }: WorkosScope): LinkedProviders<DataProvider> {
  async function read(user_id: string, call: Call): Promise<readonly DataProvider[]> {
    const answer = await http.request(
      {
        operation: 'workos.data_providers',
        keys: 1,
        template: '/user_management/users/{user_id}/data_providers',
        params: { user_id },
        query: organization_id === null ? [] : [['organization_id', organization_id]],
      },
      call,
    )
    return readList(answer, upstream)
  }
  return linkedProviders(read)
}

/** A connection that needs consent counts: the token call says so with its own code. */
export function isConnected({ connected_account }: DataProvider): boolean {
  return connected_account != null && connected_account.state !== 'disconnected'
}

function readList(answer: HttpAnswer, upstream: string): readonly DataProvider[] {
  if (answer.status === 404) throw workosVerdict('USER_NOT_FOUND', answer, upstream)
  if (answer.status >= 300) throw workosError(answer, upstream)
  const parsed = list.safeParse(answer.json)
  if (!parsed.success) throw workosVerdict('UPSTREAM_PROTOCOL_ERROR', answer, upstream)
  return parsed.data.data
}
