/**
 * The tables of how accounts come and go: connections that users are making (docs/connect.md), and what the vault still
 * has to tell others: revocations to providers, events to the application (docs/events.md). Triggers write the events, so that no writer of an account can forget one, and so that an event is in
 * the transaction of its change.
 */

/** The ids and the clock of a database, as expressions. */
interface Parts {
  readonly text: string
  readonly number: string
  readonly blob: string
  /** The type of a number that counts up by itself. */
  readonly counter: string
  readonly newId: string
  readonly nowMs: string
  /** The number of the transaction: readers leave out what an earlier one may still write (`events/outbox.ts`). */
  readonly transaction: string
  /** What stands before the name of a table. */
  readonly schema: string
}

/** `…_ms` are milliseconds since 1970. What has ended holds no secret any more. */
const revocationColumns = ({ text, number, blob, schema }: Parts): string => `
  id ${text} PRIMARY KEY,
  row_id ${text} NOT NULL,
  user_id ${text} NOT NULL,
  provider ${text} NOT NULL,
  external_account_id ${text} NOT NULL,
  generation ${number} NOT NULL,
  client TEXT,
  state TEXT NOT NULL CHECK (state IN ('PENDING', 'REVOKED', 'UNSUPPORTED', 'SHARED', 'FAILED')),
  code TEXT,
  key_id ${text} REFERENCES ${schema}vault_keys (key_id),
  wrapped_key ${blob},
  token ${blob},
  refresh_token ${blob},
  extras ${blob},
  attempts ${number} NOT NULL DEFAULT 0,
  created_at_ms ${number} NOT NULL,
  next_attempt_ms ${number} NOT NULL,
  ended_at_ms ${number}`

const eventColumns = ({ text, number, counter }: Parts): string => `
  seq ${counter},
  tx ${number} NOT NULL,
  id ${text} NOT NULL UNIQUE,
  row_id ${text} NOT NULL,
  user_id ${text} NOT NULL,
  provider ${text} NOT NULL,
  external_account_id ${text} NOT NULL,
  generation ${number} NOT NULL,
  type TEXT NOT NULL,
  reason TEXT,
  created_at_ms ${number} NOT NULL,
  attempts ${number} NOT NULL DEFAULT 0,
  next_attempt_ms ${number} NOT NULL,
  delivered_at_ms ${number},
  dead_at_ms ${number}`

/** `state_digest`, `cookie_digest` and `completion_digest` are of what browsers hold; the rest that is secret is sealed. */
const requestColumns = ({ text, number, blob }: Parts): string => `
  id ${text} PRIMARY KEY,
  state_digest ${text} NOT NULL UNIQUE,
  cookie_digest TEXT,
  user_id ${text} NOT NULL,
  provider ${text} NOT NULL,
  client TEXT NOT NULL,
  external_account_id TEXT,
  scopes TEXT NOT NULL,
  return_to TEXT NOT NULL,
  challenge TEXT NOT NULL,
  completion_digest TEXT,
  completion_until_ms ${number},
  status TEXT NOT NULL CHECK (status IN ('PENDING', 'RETURNED', 'FINISHING', 'FINISHED', 'DENIED', 'FAILED')),
  code TEXT,
  outcome TEXT,
  key_id ${text} NOT NULL,
  wrapped_key ${blob} NOT NULL,
  sealed ${blob} NOT NULL,
  created_at_ms ${number} NOT NULL,
  expires_at_ms ${number} NOT NULL`

interface Trigger {
  readonly name: string
  readonly table: 'accounts' | 'revocations'
  readonly on: string
  readonly row: 'NEW' | 'OLD'
  readonly reason: string
  readonly when: string
  /** An expression for the type of the event. */
  readonly type: string
}

/** Tokens from outside, by a connection or an import, have no refresh token that they came from. */
const cameFromOutside = 'NEW.generation <> OLD.generation AND NEW.source_digest IS NULL'
const needsConsent = (row: string): string => `${row}.state IN ('EXPIRING', 'REAUTHORIZATION_REQUIRED')`

const triggers: readonly Trigger[] = [
  {
    ...{ name: 'accounts_created', table: 'accounts', on: 'INSERT', row: 'NEW', reason: 'NULL' },
    ...{ when: 'NEW.generation >= 0', type: "'CREATED'" },
  },
  {
    ...{ name: 'accounts_removed', table: 'accounts', on: 'DELETE', row: 'OLD', reason: 'NULL' },
    ...{ when: 'OLD.generation >= 0', type: "'DISCONNECTED'" },
  },
  {
    ...{ name: 'accounts_changed', table: 'accounts', on: 'UPDATE OF generation, state, scopes', row: 'NEW' },
    reason: 'NEW.state_reason',
    when: `(${cameFromOutside}) OR (NEW.state <> OLD.state AND NOT (${needsConsent('NEW')} AND ${needsConsent('OLD')}))
      OR (NEW.state = OLD.state AND NEW.scopes IS DISTINCT FROM OLD.scopes)`,
    type: `CASE WHEN ${cameFromOutside} THEN 'RECONNECTED' WHEN NEW.state = OLD.state THEN 'SCOPES_CHANGED'
      WHEN ${needsConsent('NEW')} THEN 'REAUTHORIZATION_REQUIRED' WHEN NEW.state = 'AMBIGUOUS' THEN 'AMBIGUOUS'
      ELSE 'RECOVERED' END`,
  },
  {
    ...{ name: 'revocations_ended', table: 'revocations', on: 'UPDATE OF state', row: 'NEW', reason: 'NEW.code' },
    when: "NEW.state <> OLD.state AND NEW.state IN ('REVOKED', 'FAILED')",
    type: "CASE WHEN NEW.state = 'REVOKED' THEN 'REVOKED' ELSE 'REVOCATION_FAILED' END",
  },
]

/** One event of a type for each generation: several readers may meet the same failure. */
function insertEvent({ row, type, reason }: Trigger, { newId, nowMs, transaction, schema }: Parts): string {
  const columns = ['row_id', 'user_id', 'provider', 'external_account_id', 'generation']
  return `INSERT INTO ${schema}events (id, tx, ${columns.join(', ')}, type, reason, created_at_ms, next_attempt_ms)
    SELECT ${newId}, ${transaction}, ${columns.map((column) => `${row}.${column}`).join(', ')}, ${type}, ${reason}, ${nowMs}, ${nowMs}
    WHERE NOT EXISTS (SELECT 1 FROM ${schema}events AS known
      WHERE known.row_id = ${row}.row_id AND known.generation = ${row}.generation AND known.type = ${type})`
}

function tables(parts: Parts, strict: string): readonly string[] {
  const { schema } = parts
  return [
    `CREATE TABLE ${schema}revocations (${revocationColumns(parts)})${strict}`,
    `CREATE TABLE ${schema}events (${eventColumns(parts)}, UNIQUE (row_id, generation, type))${strict}`,
    `CREATE TABLE ${schema}connect_requests (${requestColumns(parts)})${strict}`,
    `CREATE INDEX connect_requests_end ON ${schema}connect_requests (expires_at_ms)`,
    `ALTER TABLE ${schema}accounts ADD COLUMN scopes_requested TEXT`,
    `CREATE INDEX accounts_ending ON ${schema}accounts (refresh_expires_at) WHERE refresh_expires_at IS NOT NULL`,
    `CREATE INDEX revocations_due ON ${schema}revocations (next_attempt_ms) WHERE state = 'PENDING'`,
    `CREATE INDEX revocations_row ON ${schema}revocations (row_id)`,
    `CREATE INDEX events_due ON ${schema}events (next_attempt_ms) WHERE delivered_at_ms IS NULL AND dead_at_ms IS NULL`,
    `CREATE INDEX events_account ON ${schema}events (user_id, provider, external_account_id, seq)
      WHERE delivered_at_ms IS NULL AND dead_at_ms IS NULL`,
    `CREATE INDEX events_order ON ${schema}events (tx, seq)`,
    `CREATE INDEX events_user ON ${schema}events (user_id, tx, seq)`,
    `CREATE INDEX accounts_owner ON ${schema}accounts (provider, provider_user_id) WHERE provider_user_id <> ''`,
  ]
}

const sqliteParts: Parts = {
  ...{ text: 'TEXT', number: 'INTEGER', blob: 'BLOB', schema: '' },
  counter: 'INTEGER PRIMARY KEY AUTOINCREMENT',
  newId: "'evt_' || lower(hex(randomblob(16)))",
  nowMs: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
  transaction: '0',
}

const postgresParts: Parts = {
  ...{ text: 'TEXT COLLATE "C"', number: 'BIGINT', blob: 'BYTEA', schema: 'tokengraph.' },
  counter: 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
  newId: "'evt_' || replace(gen_random_uuid()::text, '-', '')",
  nowMs: '(extract(epoch FROM clock_timestamp()) * 1000)::bigint',
  transaction: 'pg_current_xact_id()::text::bigint',
}

export const sqliteKeeping: readonly string[] = [
  ...tables(sqliteParts, ' STRICT'),
  ...triggers.map(
    (trigger) => `CREATE TRIGGER ${trigger.name} AFTER ${trigger.on} ON ${trigger.table} WHEN ${trigger.when}
      BEGIN ${insertEvent(trigger, sqliteParts)}; END`,
  ),
]

export const postgresKeeping: readonly string[] = [
  ...tables(postgresParts, ''),
  ...triggers.flatMap((trigger) => [
    `CREATE FUNCTION tokengraph.${trigger.name}() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN ${insertEvent(trigger, postgresParts)}; RETURN NULL; END $$`,
    `CREATE TRIGGER ${trigger.name} AFTER ${trigger.on} ON tokengraph.${trigger.table} FOR EACH ROW
      WHEN (${trigger.when}) EXECUTE FUNCTION tokengraph.${trigger.name}()`,
  ]),
]
