/** A server whose every secret is a canary, and everything that it writes. */
import { join } from 'node:path'
import { platforms } from '../../src/upstreams/registry.ts'
import { accountRecord } from '../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../src/upstreams/vault/store/write.ts'
import { startClerk } from '../servers/clerk.ts'
import { startIssuer } from '../servers/jwks.ts'
import { findLeaks, findLeaksBelow, makeCanary } from '../kit/find-leaks.ts'
import type { Leak } from '../kit/find-leaks.ts'
import { makeFolder } from '../kit/folder.ts'
import { startTestServer } from '../kit/server.ts'

/** Its members are the secrets that a test may meet; `all` has them and everything that was made since. */
export function makeCanaries() {
  const named = {
    clerkKey: `sk_test_${makeCanary()}`,
    ringSecret: makeCanary(),
    auditKey: makeCanary(),
    clerkToken: makeCanary(),
    clerkIdToken: makeCanary(),
    clerkTokenSecret: makeCanary(),
    vaultToken: makeCanary(),
    vaultTokenSecret: makeCanary(),
    vaultIdToken: makeCanary(),
  }
  const all: string[] = Object.values(named).map((value) => value.replace('sk_test_', ''))
  return {
    ...named,
    all,
    /** One more, for the body or the header of one answer. */
    fresh: () => {
      const canary = makeCanary()
      all.push(canary)
      return canary
    },
  }
}

export async function startCanaryServer(timeoutMs = 400) {
  const folder = makeFolder()
  const canaries = makeCanaries()
  const clerk = await startClerk({ secret_key: canaries.clerkKey })
  const issuer = await startIssuer()
  clerk.addUser('user_1', { accounts: [{ provider: 'oauth_github' }] })
  clerk.addTokens('user_1', 'oauth_google', [
    { token: canaries.clerkToken, id_token: canaries.clerkIdToken, token_secret: canaries.clerkTokenSecret },
  ])
  const vault = { path: join(folder.path, 'vault.sqlite'), keys: [{ id: 'k1', secret: canaries.ringSecret }] }
  const store = await openStore(platforms.vault.options.parse(vault))
  const account = {
    user_id: 'user_1',
    provider: 'oauth_x',
    external_account_id: 'eac_x',
    token: canaries.vaultToken,
    token_secret: canaries.vaultTokenSecret,
    id_token: canaries.vaultIdToken,
  }
  await writeAccounts(store, [accountRecord.parse(account)])
  await store.close()
  const server = await startTestServer({
    file: {
      upstreams: {
        clerk: { platform: 'clerk', secret_key: canaries.clerkKey, base_url: clerk.url, timeout_ms: timeoutMs },
        vault: { platform: 'vault', ...vault },
      },
      providers: { oauth_x: 'vault', default: 'clerk' },
      auth: { issuers: [issuer.options()] },
      audit: { sink: 'file', path: join(folder.path, 'audit', 'audit.ndjson'), key: canaries.auditKey },
    },
  })
  // The key of the service, in the form in which its holder sends it.
  canaries.all.push(server.key.replace('tgk_', ''))
  return {
    folder,
    canaries,
    clerk,
    issuer,
    server,
    /** What leaked into the log, the audit, the database and whatever else was written below the folder. */
    written: (): readonly Leak[] => [
      ...findLeaks('log', server.logged.join(''), canaries.all),
      ...findLeaksBelow(folder.path, canaries.all),
    ],
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await clerk.close()
      await issuer[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}
