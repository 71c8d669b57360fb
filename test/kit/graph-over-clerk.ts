/** The graph over a strict local Clerk. */
import { startClerk } from '../servers/clerk.ts'
import { startTestServer } from './server.ts'
import type { TestService } from './server.ts'

/** `options` stand below the upstream, `file` at the top of the configuration. */
export async function startGraphOverClerk(
  options: Readonly<Record<string, unknown>> = {},
  file: Readonly<Record<string, unknown>> = {},
  services: readonly TestService[] = [],
) {
  // Development mode takes no live key.
  const clerk = await startClerk(file.mode === 'development' ? { secret_key: 'sk_test_invented_key' } : {})
  const server = await startTestServer({ file: { upstreams: { clerk: clerk.options(options) }, ...file }, services })
  return {
    clerk,
    server,
    /** How many calls each path had. */
    callsByPath(): Map<string, number> {
      const counts = new Map<string, number>()
      for (const { path } of clerk.calls) counts.set(path, (counts.get(path) ?? 0) + 1)
      return counts
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await clerk.close()
    },
  }
}

export function userIds(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `user_${String(n)}`)
}
