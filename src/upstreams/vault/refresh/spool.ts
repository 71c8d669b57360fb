/**
 * Tokens that a provider gave out and that the database could not take: sealed files in a folder of this machine, one for
 * each account, written to the disk before anybody goes on. The refresh token in them may be the only live one. The next
 * chance, or the next start, moves them into the database.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Fresh } from './leases.ts'
import type { RowIdentity } from '../store/crypto.ts'

/** New tokens, sealed for `identity.generation + 1`. */
export interface Spooled {
  readonly identity: RowIdentity
  readonly fresh: Fresh
  readonly dueMs: number | null
}

export interface Spool {
  /** Keeps it in memory, and on the disk where that can be; false: only in memory. */
  put(entry: Spooled): boolean
  get(rowId: string): Spooled | null
  remove(rowId: string): void
  entries(): readonly Spooled[]
  /** Names of files that are none of ours or are damaged. */
  readonly unreadable: readonly string[]
}

/** Bytes that are set aside while there is room, and given up when a full disk would lose tokens. */
const RESERVE_BYTES = 262_144
const RESERVE = 'reserve'
const SUFFIX = '.json'

/** Reads what an earlier process left. Creates the folder with the first entry. Throws where it cannot be read. */
export function openSpool(folder: string): Spool {
  const unreadable: string[] = []
  const held = new Map<string, Spooled>()
  for (const name of listNames(folder)) {
    const entry = readEntry(join(folder, name))
    if (entry === null) unreadable.push(name)
    else held.set(entry.identity.row_id, entry)
  }

  function fileOf(rowId: string): string {
    return join(folder, `${rowId}${SUFFIX}`)
  }

  function write(entry: Spooled): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const file = fileOf(entry.identity.row_id)
    writeDurably(`${file}.new`, Buffer.from(JSON.stringify(entry, encodeBytes)))
    renameSync(`${file}.new`, file)
    syncFolder(folder)
  }

  return {
    put(entry) {
      held.set(entry.identity.row_id, entry)
      try {
        write(entry)
      } catch {
        try {
          rmSync(join(folder, RESERVE), { force: true })
          write(entry)
        } catch {
          return false
        }
      }
      return true
    },
    get: (rowId) => held.get(rowId) ?? null,
    remove(rowId) {
      held.delete(rowId)
      rmSync(fileOf(rowId), { force: true })
    },
    entries: () => [...held.values()],
    unreadable,
  }
}

/** Sets room aside on the disk for the day when it is full. Does nothing where that is not possible. */
export function reserveSpool(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeDurably(join(folder, RESERVE), Buffer.alloc(RESERVE_BYTES, 1))
  } catch {
    // The folder may be read-only for as long as nothing has to be kept.
  }
}

function listNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(SUFFIX))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

function readEntry(file: string): Spooled | null {
  try {
    const entry = JSON.parse(readFileSync(file, 'utf8'), decodeBytes) as Partial<Spooled>
    return entry.identity !== undefined && entry.fresh !== undefined ? (entry as Spooled) : null
  } catch {
    return null
  }
}

/** Returns only when the bytes are on the disk. */
function writeDurably(file: string, bytes: Uint8Array): void {
  const descriptor = openSync(file, 'w', 0o600)
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** The name of a new file is on the disk only with its folder; where a folder cannot be opened, it is without that. */
function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    // Windows opens no folders.
  }
}

const BYTES = 'base64:'

/** Buffers have a `toJSON`, which has run by the time that a replacer sees the value. */
function encodeBytes(this: unknown, key: string, value: unknown): unknown {
  const own = (this as Readonly<Record<string, unknown>>)[key]
  return own instanceof Uint8Array ? BYTES + Buffer.from(own).toString('base64') : value
}

function decodeBytes(_key: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith(BYTES) ? Buffer.from(value.slice(BYTES.length), 'base64') : value
}
