/** The keys that a database knows: whether the configured ones fit, and how many rows each wraps. */
import { openKeyCheck, sealKeyCheck } from './crypto.ts'
import type { Keyring, RingKey } from './crypto.ts'
import type { Dialect, Run } from './sql.ts'

/**
 * Checks at start-up, and not at the first read, that the keys fit the database. Rejects with `Error` that names the key
 * id when a secret is wrong, or when rows need a key that is not configured.
 */
export async function checkKeys(run: Run, dialect: Dialect, keyring: Keyring): Promise<void> {
  const keys = dialect.table('vault_keys')
  const rows = await run<{ readonly key_id: string; readonly key_check: Uint8Array }>(
    `SELECT key_id, key_check FROM ${keys} ORDER BY key_id`,
  )
  for (const { key_id: id, key_check: check } of rows) {
    const key = keyring.byId.get(id)
    if (key === undefined) await refuseIfUsed(run, dialect, id)
    else verifySecret(key, check)
  }
}

/** Records the key that wraps new rows, if the database does not know it. */
export async function registerActiveKey(run: Run, dialect: Dialect, { active }: Keyring): Promise<void> {
  const keys = dialect.table('vault_keys')
  const known = await run(`SELECT 1 AS known FROM ${keys} WHERE key_id = $1`, [active.id])
  if (known.length > 0) return
  await run(
    `INSERT INTO ${keys} (key_id, key_check, created_at) VALUES ($1, $2, ${dialect.nowMs} / 1000) ON CONFLICT DO NOTHING`,
    [active.id, sealKeyCheck(active)],
  )
}

/** How many rows a key wraps, revocations that are under way among them. */
export async function countRows(run: Run, dialect: Dialect, keyId: string): Promise<number> {
  const [found] = await run<{ readonly rows: number }>(
    `SELECT (SELECT count(*) FROM ${dialect.table('accounts')} WHERE key_id = $1)
       + (SELECT count(*) FROM ${dialect.table('revocations')} WHERE key_id = $1) AS rows`,
    [keyId],
  )
  return found?.rows ?? 0
}

function verifySecret(key: RingKey, check: Uint8Array): void {
  try {
    openKeyCheck(key, check)
  } catch (cause) {
    throw new Error(
      `the secret of key ${key.id} is not the one that this vault was written with; configure the original secret, ` +
        'or give the new secret a new id and keep the old key after it',
      { cause },
    )
  }
}

async function refuseIfUsed(run: Run, dialect: Dialect, id: string): Promise<void> {
  const rows = await countRows(run, dialect, id)
  if (rows === 0) return
  throw new Error(
    `${String(rows)} ${rows === 1 ? 'account needs' : 'accounts need'} key ${id}, which is not in \`keys\`; ` +
      'add it after the first key, and remove it when `tokengraph vault rotate-keys` says so',
  )
}
