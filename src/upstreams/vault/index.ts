/**
 * The vault: the embedded platform for teams that have no other, with tokens in an encrypted SQLite file
 * (docs/platforms/vault.md).
 */
import type { Platform } from '../kit.ts'
import { vaultOptions } from './options.ts'
import type { VaultOptions } from './options.ts'
import { createReader, tokenKeyId } from './read.ts'
import { openStore } from './store.ts'

/** Keys of one statement: bounds how long a synchronous read holds the thread. */
const MAX_KEYS = 10_000

export const vault: Platform<VaultOptions> = {
  options: vaultOptions,
  docs: {
    title: 'Vault (embedded)',
    holds: 'whatever `tokengraph vault import` put there, encrypted in a SQLite file',
    batch: `one SQL statement for up to ${MAX_KEYS.toLocaleString('en')} keys`,
    refresh: 'no: an expired token stays expired until it is imported again',
    provider_user_id: 'as imported',
    external_accounts: 'yes',
  },
  open(options, { observe }) {
    const store = openStore(options)
    const reader = createReader(store, observe)
    return {
      autoRefreshes: false,
      inProcess: true,
      tokens: {
        kind: 'many',
        max: MAX_KEYS,
        id: tokenKeyId,
        async many(keys, call) {
          call.signal.throwIfAborted()
          return Promise.resolve(reader.tokens(keys))
        },
      },
      accounts: {
        kind: 'many',
        max: MAX_KEYS,
        id: (userId) => userId,
        async many(userIds, call) {
          call.signal.throwIfAborted()
          return Promise.resolve(reader.accounts(userIds))
        },
      },
      close: () => {
        store.close()
        return Promise.resolve()
      },
    }
  },
}
