/** A vault whose provider has a strict revocation endpoint: what the tests of disconnections begin with. */
import { expect, onTestFinished, vi } from 'vitest'
import type { Store } from '../../../src/upstreams/vault/store/store.ts'
import { startLocal } from '../../servers/local.ts'
import type { Reply } from '../../servers/local.ts'
import { openReader, openScene } from '../refresh/scene.ts'
import type { SceneOptions } from '../refresh/scene.ts'

export interface EndpointOptions extends SceneOptions {
  /** Further keys of `revoke`. */
  readonly revoke?: Readonly<Record<string, unknown>>
}

/** RFC 7009 section 2.1, to the letter: what is not exactly so is refused with a code of its own. */
export async function openRevocationScene({ revoke = {}, ...given }: EndpointOptions = {}) {
  const revoked: string[] = []
  let trouble: (() => Reply) | null = null
  const endpoint = await startLocal(({ method, path, headers, body }) => {
    if (trouble !== null) return trouble()
    const form = new URLSearchParams(body)
    const authorization = `Basic ${Buffer.from(['invented-client', 'invented-client-secret'].map((part) => part.replaceAll('-', '%2D')).join(':')).toString('base64')}`
    if (method !== 'POST' || path !== '/revoke') return { status: 405, body: { error: 'method' } }
    if (headers.authorization !== authorization) return { status: 401, body: { error: 'invalid_client' } }
    if (headers['content-type']?.startsWith('application/x-www-form-urlencoded') !== true)
      return { status: 415, body: { error: 'invalid_request' } }
    if ([...form.keys()].join() !== 'token,token_type_hint') return { status: 400, body: { error: 'invalid_request' } }
    revoked.push(form.get('token') ?? '')
    return { status: 200, raw: '' }
  })
  onTestFinished(() => endpoint.close())
  const scene = await openScene({ ...given, provider: { revoke: { url: `${endpoint.url}/revoke`, ...revoke } } })
  const { upstream } = openReader(scene.options)
  const { keeper } = upstream
  if (keeper === undefined) throw new Error('the vault keeps accounts')
  return {
    ...scene,
    endpoint,
    upstream,
    revoked,
    keeper,
    fail(reply: (() => Reply) | null) {
      trouble = reply
    },
    disconnect: (userId: string, everywhere = false) =>
      keeper.disconnect({ userId, provider: 'acme', externalAccountId: `a_${userId}` }, everywhere),
    types: async (userId: string) => (await keeper.events(null, 100, userId)).events.map(({ type }) => type),
  }
}

export interface RevocationRow {
  readonly state: string
  readonly code: string | null
  readonly attempts: number
  readonly token: Uint8Array | null
  readonly refresh_token: Uint8Array | null
  readonly wrapped_key: Uint8Array | null
}

export function revocationsOf({ sql }: Store) {
  return sql.run<RevocationRow>('SELECT * FROM revocations ORDER BY created_at_ms')
}

/** Moves what waits so many milliseconds into the past, as if the time had gone by. */
export async function goBy({ sql }: Store, ms: number): Promise<void> {
  for (const table of ['revocations', 'events'])
    await sql.run(`UPDATE ${table} SET created_at_ms = created_at_ms - $1, next_attempt_ms = next_attempt_ms - $1`, [
      ms,
    ])
}

/** Waits for the loop of the vault, which looks once a second. */
export function eventually(check: () => unknown): Promise<unknown> {
  return vi.waitFor(check, { timeout: 15_000, interval: 50 })
}

/** What has ended holds no secret. */
export function expectWiped(rows: readonly RevocationRow[]): void {
  for (const row of rows) expect([row.token, row.refresh_token, row.wrapped_key]).toEqual([null, null, null])
}
