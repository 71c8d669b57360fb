/**
 * What `vault import` reads, which it does twice: first to check all of it, then to write. A pipe is copied first, so that
 * no lock of the database waits for whoever fills it: into memory while it is short, then into a file that is deleted as
 * soon as it is open and sealed with a key that this process alone has. No end of the process leaves a token behind.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { whyNot } from '../lib/files.ts'
import { UnableError, UsageError } from './terminal.ts'

export interface ImportSource {
  /** In messages: the path as it was given, or `standard input`. */
  readonly name: string
  readonly bytes: number
  /** From the beginning, as often as it is called. Rejects with `Error` for the operator. */
  read(): AsyncIterable<Uint8Array>
  /** Whether the file is still as it was when it was opened. */
  isUnchanged(): Promise<boolean>
  close(): Promise<void>
}

/** Bytes of a pipe that are kept in memory: a container may have no folder to write to. */
const IN_MEMORY_BYTES = 4 * 1024 * 1024

/** `-` is standard input. Rejects with `Error` for the operator. `onBytes` gets how many bytes of a pipe are there so far. */
export async function openImport(file: string, onBytes?: (bytes: number) => void): Promise<ImportSource> {
  if (file === '-') {
    if (process.stdin.isTTY)
      throw new UsageError('Standard input is a terminal: pipe the records into the command, or name a file.')
    return copyPipe(process.stdin, 'standard input', onBytes)
  }
  const handle = await open(file).catch((cause: unknown) => {
    throw unreadable(file, cause)
  })
  const before = await handle.stat({ bigint: true })
  if (!before.isFile()) {
    // Such as the end of a pipe, which bash names in `<(...)`. A directory fails with the first byte.
    return copyPipe(handle.createReadStream(), file, onBytes)
  }
  return {
    name: file,
    bytes: Number(before.size),
    read: () => reading(handle.createReadStream({ start: 0, autoClose: false }), file),
    async isUnchanged() {
      const { size, mtimeNs } = await handle.stat({ bigint: true })
      return size === before.size && mtimeNs === before.mtimeNs
    },
    close: () => handle.close(),
  }
}

/** Reads the pipe to its end. `inMemoryBytes`: how much of it is kept in memory. */
export async function copyPipe(
  input: AsyncIterable<Uint8Array | string>,
  name: string,
  onBytes: (bytes: number) => void = () => undefined,
  inMemoryBytes = IN_MEMORY_BYTES,
): Promise<ImportSource> {
  const kept: Uint8Array[] = []
  let bytes = 0
  let file: SealedFile | null = null
  try {
    for await (const chunk of reading(input, name)) {
      bytes += chunk.length
      kept.push(chunk)
      if (bytes > inMemoryBytes) {
        file ??= await openSealedFile()
        for (const each of kept.splice(0)) await file.append(each)
      }
      onBytes(bytes)
    }
  } catch (error) {
    await file?.close()
    throw error
  }
  const sealed = file
  return {
    name,
    bytes,
    read: () => (sealed === null ? listed(kept) : reading(sealed.read(), name)),
    isUnchanged: () => Promise.resolve(true),
    close: async () => {
      await sealed?.close()
    },
  }
}

async function* listed(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk)
}

async function* reading(input: AsyncIterable<Uint8Array | string>, name: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of input) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
  } catch (cause) {
    throw unreadable(name, cause)
  }
}

function unreadable(name: string, cause: unknown): Error {
  const why = whyNot(cause) ?? 'the input ended with an error'
  return new Error(`Cannot read ${name}: ${why}. Name a file of records, or - for standard input.`, { cause })
}

interface SealedFile {
  append(bytes: Uint8Array): Promise<void>
  read(): AsyncGenerator<Uint8Array>
  close(): Promise<void>
}

async function openSealedFile(): Promise<SealedFile> {
  const place = tmpdir()
  const handle = await openNameless(place).catch((cause: unknown) => {
    throw unwritable(place, cause)
  })
  // The key is used once, so that the first counter may be zero.
  const [key, counter] = [randomBytes(32), Buffer.alloc(16)]
  const cipher = createCipheriv('aes-256-ctr', key, counter)
  return {
    async append(bytes) {
      await handle.appendFile(cipher.update(bytes)).catch((cause: unknown) => {
        throw unwritable(place, cause)
      })
    },
    async *read() {
      const decipher = createDecipheriv('aes-256-ctr', key, counter)
      const stream = handle.createReadStream({ start: 0, autoClose: false }) as AsyncIterable<Buffer>
      for await (const chunk of stream) yield decipher.update(chunk)
    },
    close: () => handle.close(),
  }
}

/** A new file for this user alone, which has no name any more: the system frees it when the process ends. */
async function openNameless(place: string): Promise<FileHandle> {
  const folder = await mkdtemp(join(place, 'tokengraph-import-'))
  try {
    return await open(join(folder, 'sealed'), 'wx+', 0o600)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function unwritable(place: string, cause: unknown): UnableError {
  const why = whyNot(cause) ?? 'unknown error'
  return new UnableError(
    `The records of a pipe are copied into ${place}, which cannot be written: ${why}. Name another folder in TMPDIR, or import a file.`,
    { cause },
  )
}
