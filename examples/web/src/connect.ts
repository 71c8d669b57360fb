/**
 * Connecting an account from a page (docs/connect.md): the verifier stays in this tab, and what the browser brings back is
 * worth nothing without it.
 */
import type { ApolloClient } from '@apollo/client'
import { FinishDocument, StartDocument } from './documents.ts'
import type { FinishMutation } from './gql/graphql.ts'

export type Finished = FinishMutation['finish_connection'] & { readonly provider: string }

/** LOST: this tab did not begin, or its storage is gone. FAILED: the server did not answer usefully. */
export type Outcome = Finished | { readonly status: 'LOST' | 'FAILED'; readonly provider: string | null }

interface Begun {
  readonly verifier: string
  readonly provider: string
}

const nameOf = (id: string): string => `connection ${id}`

/** Leaves the page for the provider. `account`: the one that is connected again. Rejects where it cannot begin. */
export async function beginConnection(client: ApolloClient, provider: string, account: string | null): Promise<void> {
  const verifier = toBase64Url(crypto.getRandomValues(new Uint8Array(32)))
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  const input = {
    ...{ provider, external_account_id: account, return_to: `${location.origin}/` },
    code_challenge: toBase64Url(new Uint8Array(digest)),
  }
  const { data } = await client.mutate({ mutation: StartDocument, variables: { input } })
  if (data == null) throw new Error('it could not begin')
  const { connection_request_id: id, authorization_url: url } = data.start_connection
  sessionStorage.setItem(nameOf(id), JSON.stringify({ verifier, provider } satisfies Begun))
  location.assign(url)
}

/** What the browser came back with; null: it did not come back from a provider. */
export interface Returned {
  readonly id: string
  readonly code: string
}

/** Takes it out of the address, so that neither a reload nor a bookmark repeats it. */
export function takeReturned(): Returned | null {
  const query = new URLSearchParams(location.search)
  const id = query.get('connection_request_id')
  if (id === null) return null
  history.replaceState(null, '', location.pathname)
  return { id, code: query.get('completion_code') ?? '' }
}

export async function finishConnection(client: ApolloClient, { id, code }: Returned): Promise<Outcome> {
  const text = sessionStorage.getItem(nameOf(id))
  sessionStorage.removeItem(nameOf(id))
  if (text === null) return { status: 'LOST', provider: null }
  const { verifier, provider } = JSON.parse(text) as Begun
  const input = { connection_request_id: id, completion_code: code, code_verifier: verifier }
  const { data } = await client
    .mutate({ mutation: FinishDocument, variables: { input } })
    .catch(() => ({ data: undefined }))
  return data == null ? { status: 'FAILED', provider } : { ...data.finish_connection, provider }
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
