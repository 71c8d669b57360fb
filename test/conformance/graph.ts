/** The whole server over one platform, asked in the way that the platform allows. */
import type { PlatformName } from '../../src/upstreams/registry.ts'
import { startTestServer } from '../kit/server.ts'
import type { Answer } from '../kit/server.ts'
import type { Expected, Fixture, PlatformFixture } from './fixture.ts'

const allFields = `object external_account_id provider_user_id token expires_at provider public_metadata label scopes
  token_secret id_token`

export interface UserAnswer {
  readonly id: string
  readonly [provider: string]: unknown
}

/** Starts the platform's server and ours; `extra` goes with the options of the fixture, `file` with the whole file. */
export async function startConformance(
  platform: PlatformName,
  { start }: PlatformFixture,
  extra: Readonly<Record<string, unknown>> = {},
  file: Readonly<Record<string, unknown>> = {},
) {
  const fixture = await start()
  const server = await startTestServer({
    file: {
      ...file,
      upstreams: { tokens: { platform, ...fixture.options, ...extra } },
      providers: { default: 'tokens', ...routesOf(fixture) },
      ...(fixture.auth && { auth: fixture.auth }),
      // 100 users x 3 providers is more than one operation may ask for by default, and fifty of them more than one caller.
      limits: { token_reads: 300, caller_rate: { burst: 1_000_000, per_second: 1_000_000 } },
      ...file,
    },
  })

  /** Each user's `selection`, in one request; in one for each user where only the user may ask. */
  async function readUsers(names: readonly string[], selection: string): Promise<Answer<{ users: UserAnswer[] }>> {
    const answer = await readIds(
      names.map((name) => fixture.idOf?.(name) ?? name),
      selection,
    )
    const nameOf = new Map(names.map((name) => [fixture.idOf?.(name) ?? name, name]))
    const users = answer.data?.users.map((user) => ({ ...user, id: nameOf.get(user.id) ?? user.id }))
    return users === undefined ? answer : { ...answer, data: { users } }
  }

  async function readIds(ids: readonly string[], selection: string): Promise<Answer<{ users: UserAnswer[] }>> {
    const query = `query ($ids: [ID!]!) { users(ids: $ids) { id ${selection} } }`
    const { bearerFor } = fixture
    if (bearerFor === undefined) return server.ask(query, { variables: { ids } })
    const answers = await Promise.all(
      [...new Set(ids)].map(async (id) =>
        server.ask<{ users: UserAnswer[] }>(query, { variables: { ids: [id] }, bearer: await bearerFor(id) }),
      ),
    )
    const errors = answers.flatMap((answer) => answer.errors ?? [])
    return {
      data: { users: answers.flatMap(({ data }) => data?.users ?? []) },
      ...(errors.length > 0 && { errors }),
    }
  }

  return {
    fixture,
    server,
    readUsers,
    readTokens: (ids: readonly string[], providers: readonly string[]) => readUsers(ids, selectTokens(providers)),
    callCount: () => fixture.callCount(server.events),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await fixture[Symbol.asyncDispose]()
    },
  }
}

/** The same rows, with the expiry that a platform reports as "seconds left" brought to the second that was meant. */
export function alignExpiry(
  rows: unknown,
  expected: readonly Expected[],
  { expiry_tolerance_seconds }: Fixture,
): unknown {
  if (!Array.isArray(rows) || expiry_tolerance_seconds === undefined) return rows
  return (rows as Expected[]).map((row, position) => {
    const meant = expected[position]?.expires_at ?? null
    const near = meant !== null && Math.abs((row.expires_at ?? 0) - meant) <= expiry_tolerance_seconds
    return near ? { ...row, expires_at: meant } : row
  })
}

function routesOf({ as = {} }: Fixture): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(as).map(([provider, name]) => [provider, { upstream: 'tokens', as: name }]))
}

/** One aliased field for each provider; the alias is the canonical name. */
function selectTokens(providers: readonly string[]): string {
  return providers
    .map((provider) => `${provider}: oauth_access_tokens(provider: "${provider}") { ${allFields} }`)
    .join('\n')
}
