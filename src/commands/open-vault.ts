/** Finds the vault that a `tokengraph vault` command means, and opens it. */
import { loadConfig } from '../config.ts'
import { DATA_FOLDER, developmentVault } from '../development/development.ts'
import type { VaultOptions } from '../upstreams/vault/options.ts'
import { openStore } from '../upstreams/vault/store.ts'
import type { Store } from '../upstreams/vault/store.ts'

export interface VaultChoice {
  readonly file: string | undefined
  /** The name of the upstream; needed only where several vaults are configured. */
  readonly upstream: string | undefined
  readonly env: NodeJS.ProcessEnv
}

/** Throws `Error` with a message for the operator. */
export function openConfiguredVault({ file, upstream, env }: VaultChoice): Store {
  const config = loadConfig({ file, env })
  if (config.upstreams.length === 0) return openStore(developmentVault(DATA_FOLDER))
  const vaults = config.upstreams.filter(({ platform }) => platform === 'vault')
  const chosen = upstream === undefined ? vaults : vaults.filter(({ name }) => name === upstream)
  const [first, second] = chosen
  const names = vaults.map(({ name }) => name).join(', ')
  if (first === undefined)
    throw new Error(
      vaults.length === 0
        ? 'No vault is configured.'
        : `--upstream: there is no vault of that name; there is: ${names}.`,
    )
  if (second !== undefined) throw new Error(`Several vaults are configured; choose one with --upstream: ${names}.`)
  return openStore(first.options as VaultOptions)
}
