/**
 * The vault: the embedded platform for teams that have no other, with tokens that are kept encrypted and alive in SQLite
 * or PostgreSQL (docs/platforms/vault.md).
 */
import { CodedError, settleOrError, wireProvider } from '../kit.ts'
import type { Connector, ExternalAccount, Platform, TokenKey } from '../kit.ts'
import { findClient, readClients } from './clients/clients.ts'
import { openVault } from './open.ts'
import { vaultOptions } from './options.ts'
import type { VaultOptions } from './options.ts'
import { decodeProfile } from './store/rows.ts'

/** Keys of one statement: bounds how long their rows take to decrypt, which holds the event loop. */
const MAX_KEYS = 10_000

export const vault: Platform<VaultOptions> = {
  options: vaultOptions,
  docs: {
    title: 'Vault (embedded)',
    holds: 'whatever `tokengraph vault import` put there, encrypted in SQLite or PostgreSQL',
    batch: `one SQL statement for up to ${MAX_KEYS.toLocaleString('en')} keys`,
    refresh: 'yes, for accounts with a refresh token whose client is configured',
    provider_user_id: 'as imported',
    external_accounts: 'yes',
  },
  open(options, deps) {
    const opening = openVault(options, deps)
    const ready = opening.then(() => undefined)
    // The server waits for it; where nobody does, whoever asks gets the same error.
    ready.catch(() => undefined)
    return {
      autoRefreshes: true,
      ignoresPrefix: true,
      inProcess: true,
      ready,
      keeper: {
        connector: options.connect === undefined ? null : connectorOf(options, options.connect, opening),
        disconnect: async (account, everywhere) => coded((await opening).accounts.disconnect(account, everywhere)),
        events: async (after, first, userId) => coded((await opening).accounts.events(after, first, userId)),
      },
      tokens: {
        kind: 'many',
        max: MAX_KEYS,
        id: tokenKeyId,
        async many(keys, call) {
          const { tokens } = await opening
          call.signal.throwIfAborted()
          const answers = await tokens.read(keys, call)
          return new Map(keys.map((key, index) => [tokenKeyId(key), answers[index] ?? []]))
        },
        remembered: async (call) => (await opening).tokens.remembered(call),
      },
      accounts: {
        kind: 'many',
        max: MAX_KEYS,
        id: (userId) => userId,
        async many(userIds, call) {
          const { reader } = await opening
          call.signal.throwIfAborted()
          const found = await reader.profiles(userIds, call)
          return new Map<string, readonly ExternalAccount[] | Error>(
            userIds.map((userId, index) => [userId, settleOrError(found[index] ?? [], decodeProfile)]),
          )
        },
      },
      census: async () => (await opening).census(),
      finish: async () => {
        await opening.then(({ finish }) => finish()).catch(() => undefined)
      },
      close: async () => {
        await opening.then(({ close }) => close()).catch(() => undefined)
      },
    }
  },
}

/** Waits for the vault with each call; what is asked of the configuration is at hand. */
function connectorOf(
  options: VaultOptions,
  { public_url: publicUrl }: NonNullable<VaultOptions['connect']>,
  opening: ReturnType<typeof openVault>,
): Connector {
  const clients = readClients(options)
  const ask = <T>(work: (connector: Connector) => Promise<T>): Promise<T> =>
    coded(
      opening.then(({ accounts: { connector } }) => {
        if (connector === null) throw new CodedError('CONNECT_NOT_SUPPORTED')
        return work(connector)
      }),
    )
  return {
    publicUrl,
    canConnect: (provider) => findClient(clients, { provider: wireProvider(provider), client: null }) !== null,
    start: (start) => ask((connector) => connector.start(start)),
    find: (id) => ask((connector) => connector.find(id)),
    finish: (finish) => ask((connector) => connector.finish(finish)),
    open: (id, cookieOf) => ask((connector) => connector.open(id, cookieOf)),
    callback: (client, query, cookieOf) => ask((connector) => connector.callback(client, query, cookieOf)),
  }
}

/** One string for a key. No id holds a line feed, so that no two keys share one. */
function tokenKeyId({ userId, provider, minValiditySeconds }: TokenKey): string {
  return `${userId}\n${provider}\n${minValiditySeconds}`
}

/** A database that fails is trouble of this server's, and passes. */
async function coded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    throw new CodedError('UPSTREAM_UNAVAILABLE', 'The vault could not be used.', {}, { cause })
  }
}
