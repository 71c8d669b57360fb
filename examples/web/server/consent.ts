/**
 * Stands in for two things that a real application has: the connect flow of the platform that holds the tokens, and the
 * provider's own consent page. It writes invented tokens to the vault of the development server.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { demoAccounts } from '../../../src/development/demo.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import type { VaultOptions } from '../../../src/upstreams/vault/options.ts'
import { accountRecord } from '../../../src/upstreams/vault/store/record.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'
import type { Page } from './backend-for-frontend.ts'

const HOUR_SECONDS = 3600
const PROVIDER = 'oauth_slack'

/** Pages by path. Also gives one of the demo accounts a token that lives an hour, so that something counts down. */
export async function openConsent(vault: VaultOptions, user_id: string) {
  const store = await openStore(vault)
  const home = demoAccounts.find(({ external_account_id }) => external_account_id === 'eac_demo_google_home')
  if (home !== undefined) await writeAccounts(store, [{ ...home, expires_at: inHours(1) }])

  const show = readFileSync(join(import.meta.dirname, 'consent.html'))
  const consent: Page = (request, response) => {
    if (request.method !== 'POST') {
      response.setHeader('content-type', 'text/html; charset=utf-8').end(show)
      return
    }
    writeAccounts(store, [grantedBy(user_id)]).then(
      () => response.writeHead(303, { location: `/#${PROVIDER}` }).end(),
      () => response.writeHead(500).end(),
    )
  }
  return {
    pages: { '/consent': consent },
    close: () => store.close(),
  }
}

/** What the provider gives after consent. */
function grantedBy(user_id: string) {
  return accountRecord.parse({
    user_id,
    provider: PROVIDER,
    external_account_id: 'eac_demo_slack',
    provider_user_id: 'U0DEMO',
    token: 'demo-slack-renewed-token',
    expires_at: inHours(8),
    scopes: ['chat:write', 'users:read'],
    username: 'demo',
  })
}

function inHours(hours: number): number {
  return Math.floor(Date.now() / 1000) + hours * HOUR_SECONDS
}
