/** What the calls to one WorkOS environment have in common. */
import type { Http } from '../http/client.ts'

export interface WorkosScope {
  readonly http: Http
  /** The name that stands in errors. */
  readonly upstream: string
  /** null: the connections without an organization. */
  readonly organization_id: string | null
}

/** Pipes has no id in its token answer; one user has one connection at a provider in a scope (workos.md section 5). */
export function accountId({ organization_id }: WorkosScope, slug: string, user_id: string): string {
  return [slug, user_id, ...(organization_id === null ? [] : [organization_id])].join(':')
}
