/** A file of schema version 1, as an earlier version wrote it, stays readable: tables, names, ciphertexts and keys. */
import { expect, test } from 'vitest'
import { openDatabase } from '../kit/database.ts'
import { reveal } from '../../src/lib/secret.ts'
import { importText, newVault, open, openUpstream, record, tamper, toLines } from './helpers.ts'

const stored = {
  ...record({ label: 'work', public_metadata: { team: 1 }, client: 'client-1', username: 'ada' }),
  ...{ token_secret: 'invented-secret', id_token: 'invented-id', refresh_token: 'invented-refresh' },
}

const writtenBefore = `
  CREATE TABLE vault_keys (
    key_id TEXT PRIMARY KEY,
    key_check BLOB NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE accounts (
    row_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    external_account_id TEXT NOT NULL,
    provider_user_id TEXT NOT NULL,
    expires_at INTEGER,
    public_metadata TEXT NOT NULL,
    label TEXT,
    scopes TEXT,
    email_address TEXT,
    username TEXT,
    first_name TEXT,
    last_name TEXT,
    image_url TEXT,
    client TEXT,
    key_id TEXT NOT NULL REFERENCES vault_keys (key_id),
    wrapped_key BLOB NOT NULL,
    token BLOB NOT NULL,
    token_secret BLOB,
    id_token BLOB,
    refresh_token BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, provider, external_account_id)
  ) STRICT;
  CREATE INDEX accounts_by_key ON accounts (key_id, row_id);
  INSERT INTO vault_keys VALUES ('k1', x'01e8263d91a0a7f8fc0b156657558e240e0909b5d5ac7a3744d231fb8046539034d399cb2ef7b24d808eb4f79a47f2403bb7654abaf9d0', 1795656152);
  INSERT INTO accounts VALUES (
    '107415bb-d73a-4f74-95dc-e70a49cd4a98', 'user_1', 'oauth_google', 'eac_1', 'puid_1', 1893456000, '{"team":1}',
    'work', '["email"]', NULL, 'ada', NULL, NULL, NULL, 'client-1', 'k1',
    x'01e12bd440df3817dad992a44d9aaf55c2089906f1334d45cd6129f9f2e97f937e3565a527a60bf77320af84811cec23deb4b9c09a84f6a46f086c0dc5',
    x'011c87d823bf0c5c151888d307d0bd992c52d82747a744928b88fe5cb91e24b7c3775c1e93811a0b10c348ceaf',
    x'0120d942ed5ab28b8cdebbb0b83c12d8fc605eb16d527c417bb8338676da6db093e1e6a7379f73dadc279174',
    x'013533ea6791f5d1a6a68e824a3ed0e1d706a46e75f0b47d88898b80514bdfffd74ae4131bb7a510',
    x'01e3434f427d612b130a56fe376dacc7cc99dee67c7d63f06e0dbf76d9739084c22e9ce66ad9852f7745d11ef8',
    1795656152, 1795656152);
  PRAGMA application_id = 1953195894;
  PRAGMA user_version = 1;`

function restore() {
  const options = newVault()
  const database = openDatabase(options.path)
  database.exec(writtenBefore)
  database.close()
  return options
}

test('reads tokens and accounts of the file', async () => {
  const { read, accounts, call } = openUpstream(restore())
  const answer = await read('user_1')
  if (answer === undefined || answer instanceof Error) throw new Error('the key has no value')
  const [token] = answer
  expect(token).toMatchObject({ provider: 'google', external_account_id: 'eac_1', expires_at: 1_893_456_000 })
  expect([token?.token, token?.token_secret, token?.id_token].map((each) => each && reveal(each))).toEqual([
    'invented-token-1',
    'invented-secret',
    'invented-id',
  ])
  expect((await accounts.many(['user_1'], call)).get('user_1')).toMatchObject([{ provider: 'google', username: 'ada' }])
})

test('finds the stored account again on import, refresh token included', async () => {
  const options = restore()
  const { out } = await importText(await open(options), toLines([stored]))
  expect(out).toBe('1 record: 0 added, 0 changed, 1 unchanged.\n')
  expect(tamper(options, 'SELECT provider FROM accounts')).toEqual([{ provider: 'oauth_google' }])
})
