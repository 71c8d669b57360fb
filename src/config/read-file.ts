/** The text of the configuration file, or why it cannot be read. */
import { readFileSync } from 'node:fs'
import { ConfigError } from './problems.ts'

const MEBIBYTE = 1024 * 1024

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'not found',
  ENOTDIR: 'not found',
  EACCES: 'not permitted',
  EPERM: 'not permitted',
  EISDIR: 'it is a directory',
}

/** Throws `ConfigError` that names the file as it was given; `namedBy` says where the name came from. */
export function readConfigFile(file: string, namedBy: string, maxMebibytes = 1): string {
  const bytes = readBytes(file, namedBy)
  if (bytes.length > maxMebibytes * MEBIBYTE)
    throw unreadable(file, `the file is larger than ${String(maxMebibytes)} MiB`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw unreadable(file, 'the file is not UTF-8 text')
  }
}

function readBytes(file: string, namedBy: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw unreadable(file, `cannot be read: ${reasons[code] ?? `error ${code}`} (named by ${namedBy})`)
  }
}

function unreadable(file: string, message: string): ConfigError {
  return new ConfigError([{ where: file, path: '', line: null, column: null, message }])
}
