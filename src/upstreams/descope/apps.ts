/** Which outbound apps there are, and which of them a user has connected; no tokens. */
import { z } from 'zod'
import type { HttpAnswer } from '../http/client.ts'
import type { Call } from '../platform.ts'
import { linkedProviders } from '../kit.ts'
import type { LinkedProviders } from '../kit.ts'
import { descopeError, descopeVerdict, isUndocumented, type DescopeScope } from './errors.ts'

const appIds = z.object({ appIds: z.array(z.string().min(1)).max(1000).nullish() })

/** The ids of the apps that a user has connected; rejects with USER_NOT_FOUND for a user that Descope does not know. */
export interface Apps extends LinkedProviders<string> {
  /** Whether the project has this app; only asked where nobody has connected it. */
  exists(app_id: string, call: Call): Promise<boolean>
}

export function openApps({ http, upstream, tenant_id }: DescopeScope): Apps {
  /** An empty list may be one of an unknown user (UNVERIFIED), so the user is looked up. */
  async function checkUser(user_id: string, call: Call): Promise<void> {
    const answer = await http.request(
      { operation: 'descope.user', keys: 1, template: '/v1/mgmt/user', query: [['userId', user_id]] },
      call,
    )
    if (answer.status === 404) throw descopeVerdict('USER_NOT_FOUND', answer, upstream)
    // A key that may list apps and not read users: nobody can tell, and an empty list is true at least.
    if (answer.status >= 300 && answer.status !== 403 && !isUndocumented(answer)) throw descopeError(answer, upstream)
  }

  async function read(user_id: string, call: Call): Promise<readonly string[]> {
    const answer = await http.request(
      {
        operation: 'descope.apps_with_user_token',
        keys: 1,
        template: '/v1/mgmt/outbound/apps-with-user-token',
        query: [['userId', user_id], ...(tenant_id === null ? [] : [['tenantId', tenant_id] as const])],
      },
      call,
    )
    const ids = readIds(answer, upstream)
    if (ids.length === 0) await checkUser(user_id, call)
    return ids
  }

  const known = new Set<string>()
  return {
    ...linkedProviders(read),
    async exists(app_id, call) {
      if (known.has(app_id)) return true
      const answer = await http.request(
        { operation: 'descope.app', keys: 1, template: '/v1/mgmt/outbound/app/{app_id}', params: { app_id } },
        call,
      )
      if (isUndocumented(answer)) return false
      if (answer.status >= 300 && answer.status !== 403) throw descopeError(answer, upstream)
      known.add(app_id)
      return true
    },
  }
}

function readIds(answer: HttpAnswer, upstream: string): readonly string[] {
  if (answer.status >= 300) throw descopeError(answer, upstream)
  const parsed = appIds.safeParse(answer.json)
  if (!parsed.success) throw descopeVerdict('UPSTREAM_PROTOCOL_ERROR', answer, upstream)
  return parsed.data.appIds ?? []
}
