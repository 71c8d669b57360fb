/** Whether the configured keys fit the file: found out at start-up, not at the first read. */
import type { DatabaseSync } from 'node:sqlite'
import { sealKeyCheck, verifyKeyCheck } from './crypto.ts'
import type { Keyring, RingKey } from './crypto.ts'

/** Throws `Error` that names the key id when a secret is wrong, or when rows need a key that is not configured. */
export function checkKeys(database: DatabaseSync, keyring: Keyring): void {
  const rows = database.prepare('SELECT key_id, key_check FROM vault_keys ORDER BY key_id').all()
  const known = new Map(rows.map((row) => [row.key_id as string, row.key_check as Uint8Array]))
  for (const [id, check] of known) {
    const key = keyring.byId.get(id)
    if (key === undefined) refuseIfUsed(database, id)
    else verifySecret(key, check)
  }
}

/** Records the key that new rows will be wrapped by, if it is not yet known. */
export function registerActiveKey(database: DatabaseSync, keyring: Keyring): void {
  const { active } = keyring
  if (database.prepare('SELECT 1 FROM vault_keys WHERE key_id = ?').get(active.id) !== undefined) return
  database
    .prepare('INSERT INTO vault_keys (key_id, key_check, created_at) VALUES (?, ?, unixepoch()) ON CONFLICT DO NOTHING')
    .run(active.id, sealKeyCheck(active))
}

/** How many rows a key wraps. */
export function countRows(database: DatabaseSync, keyId: string): number {
  return Number(database.prepare('SELECT count(*) AS rows FROM accounts WHERE key_id = ?').get(keyId)?.rows)
}

function verifySecret(key: RingKey, check: Uint8Array): void {
  try {
    verifyKeyCheck(key, check)
  } catch (cause) {
    throw new Error(
      `the secret of key ${key.id} is not the one that this file was written with; configure the original secret, ` +
        'or give the new secret a new id and keep the old key after it',
      { cause },
    )
  }
}

function refuseIfUsed(database: DatabaseSync, id: string): void {
  const rows = countRows(database, id)
  if (rows === 0) return
  throw new Error(
    `${String(rows)} ${rows === 1 ? 'account needs' : 'accounts need'} key ${id}, which is not in \`keys\`; ` +
      'add it after the first key, and remove it when `tokengraph vault rotate-keys` says so',
  )
}
