/** A process that writes a vault at random: `node writer-process.ts OPTIONS COUNT`. It sends a `Commit` after each commit. */
import { Readable } from 'node:stream'
import { copyPipe } from '../../../src/commands/import-source.ts'
import { importAccounts } from '../../../src/commands/vault-import.ts'
import { removeAccounts } from '../../../src/commands/vault.ts'
import { vaultOptions } from '../../../src/upstreams/vault/options.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import { captureOutput } from '../../kit/output.ts'

export interface Commit {
  readonly user: string
  /** null: the account was removed. */
  readonly token: string | null
}

const [given = '', count = '0'] = process.argv.slice(2)
const store = await openStore(vaultOptions.parse(JSON.parse(given)))

for (let n = 1; n <= Number(count); n++) {
  const user = `user_${String(Math.floor(Math.random() * 4))}`
  const token = Math.random() < 0.3 ? null : `value-${String(n)}`
  if (token === null) await removeAccounts(store, { user }, captureOutput())
  else {
    const record = { user_id: user, provider: 'oauth_google', external_account_id: 'eac_1', token }
    const source = await copyPipe(Readable.from([JSON.stringify(record)]), 'rows')
    await importAccounts(store, source, captureOutput())
  }
  process.send?.({ user, token } satisfies Commit)
}
await store.close()
process.disconnect()
