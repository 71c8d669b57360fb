/**
 * The vault: the embedded platform for teams that have no other, with tokens in an encrypted SQLite file
 * (docs/platforms/vault.md).
 */
import { openSqliteThread } from '../kit.ts'
import type { Platform } from '../kit.ts'
import { vaultOptions } from './options.ts'
import type { VaultOptions } from './options.ts'
import { createReader, tokenKeyId } from './read.ts'
import { openStore, stopWaiting } from './store.ts'

/** Keys of one statement: bounds how long their rows take to decrypt, which holds the event loop. */
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
    stopWaiting(store)
    const thread = openSqliteThread(store.path)
    const reader = createReader(thread, store.keyring, observe)
    return {
      autoRefreshes: false,
      ignoresPrefix: true,
      inProcess: true,
      tokens: {
        kind: 'many',
        max: MAX_KEYS,
        id: tokenKeyId,
        async many(keys, call) {
          call.signal.throwIfAborted()
          return reader.tokens(keys, call)
        },
      },
      accounts: {
        kind: 'many',
        max: MAX_KEYS,
        id: (userId) => userId,
        async many(userIds, call) {
          call.signal.throwIfAborted()
          return reader.accounts(userIds, call)
        },
      },
      close: async () => {
        await thread.close()
        store.close()
      },
    }
  },
}
