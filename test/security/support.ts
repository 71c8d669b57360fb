/** A server in production over a strict local Clerk, with callers of several rights. */
import type { ServiceOptions } from '../../src/auth/options.ts'
import type { ClerkServer } from '../servers/clerk.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'
import { everything } from '../kit/server.ts'
import type { Answer, TestServer } from '../kit/server.ts'

export interface Door extends AsyncDisposable {
  readonly clerk: ClerkServer
  readonly server: TestServer
  /** A service that may read everything but the schema. */
  readonly plainKey: string
  /** Of the other services, in their order. */
  readonly keys: readonly string[]
  /** The status and the answer to an operation; without a `bearer` nobody asks. */
  send(query: string, options?: { bearer?: string; variables?: object }): Promise<{ status: number; answer: Answer }>
}

/** The access token of `user_1` at Google: it must never appear where nobody asked for it. */
export const CANARY = 'invented-canary-token-4f1d'

/** `file` is merged over the configuration; production unless it says otherwise. `others` are services beside the plain one. */
export async function startDoor(
  file: Readonly<Record<string, unknown>> = {},
  others: readonly Pick<ServiceOptions, 'id' | 'grants'>[] = [],
): Promise<Door> {
  const services = [{ id: 'plain', grants: everything }, ...others]
  const graph = await startGraphOverClerk({}, file, services)
  const { clerk, server } = graph
  clerk.addTokens('user_1', 'oauth_google', [{ token: CANARY }])
  const [plainKey = '', ...keys] = services.map(({ id }) => server.keyOf(id))
  return {
    clerk,
    server,
    plainKey,
    keys,
    async send(query, { bearer, variables } = {}) {
      const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
      const response = await server.post(JSON.stringify({ query, variables }), headers)
      return { status: response.status, answer: (await response.json()) as Answer }
    },
    [Symbol.asyncDispose]: () => graph[Symbol.asyncDispose](),
  }
}

/** The messages of an answer's errors. */
export function messages({ errors = [] }: Answer): string[] {
  return errors.map(({ message }) => message)
}
