/**
 * The connected accounts of a user. The list of apps has no ids, subjects and scopes: they come with the newest token
 * of each, which is read in the same call as by whoever wants the token itself.
 */
import { CodedError } from '../../errors.ts'
import { checkId } from '../../tokens/ids.ts'
import type { ExternalAccount } from '../../tokens/types.ts'
import type { Call, One } from '../platform.ts'
import type { Apps } from './apps.ts'
import type { LatestToken } from './latest-token.ts'

/** The fetcher for accounts; null for a user that Descope does not know. */
export function accountsFetcher(apps: Apps, latest: LatestToken): One<string, readonly ExternalAccount[]> {
  async function read(app_id: string, user_id: string, call: Call): Promise<ExternalAccount[]> {
    try {
      const token = await latest({ app_id, user_id }, call)
      if (token === null) return []
      const { id, subject, scopes, label } = token
      const known = { id, provider_user_id: subject, approved_scopes: scopes, label }
      return [{ ...nothingKnown, ...known, provider: app_id, needs_reauthorization: false }]
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      if (error.code === 'UNSUPPORTED_CREDENTIAL') return []
      if (error.code !== 'REAUTHORIZATION_REQUIRED') throw error
      return [{ ...nothingKnown, id: `${app_id}:${user_id}`, provider: app_id, needs_reauthorization: true }]
    }
  }

  return {
    kind: 'one',
    async one(user_id, call) {
      try {
        checkId(user_id, 'user_id')
        const app_ids = await apps.list(user_id, call)
        return (await Promise.all(app_ids.map((app_id) => read(app_id, user_id, call)))).flat()
      } catch (error) {
        if (error instanceof CodedError && error.code === 'USER_NOT_FOUND') return null
        throw error
      }
    },
  }
}

const nothingKnown = {
  provider_user_id: '',
  email_address: null,
  username: null,
  first_name: null,
  last_name: null,
  image_url: null,
  label: null,
  approved_scopes: null,
  public_metadata: {},
  created_at: null,
  updated_at: null,
} as const satisfies Partial<ExternalAccount>
